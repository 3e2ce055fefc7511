// SPDX-License-Identifier: MIT
// Sets of CPUs as the subject of a sentence.
#pragma once

#include <string>
#include <string_view>

#include "partition/cpuset.h"

namespace kvmrt::partition {

/// "CPU 5 is offline", "CPUs 5,7 are offline": `one` or `many` is the rest of the sentence.
inline std::string cpus_that(const CpuSet& cpus, std::string_view one, std::string_view many) {
  const bool single = cpus.count() == 1;
  return (single ? "CPU " : "CPUs ") + cpus.list() + ' ' + std::string(single ? one : many);
}

}  // namespace kvmrt::partition
