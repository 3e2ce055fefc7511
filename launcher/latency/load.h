// SPDX-License-Identifier: MIT
// Work for the CPUs that are not measured: stress-ng, as long as this lives.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "launcher/latency/run.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::latency {

class Load {
 public:
  /// On these CPUs. Throws std::runtime_error when stress-ng is not installed or ends at once.
  explicit Load(const partition::CpuSet& cpus);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  /// For the report: "stress-ng on 0-3 (cpu, vm, hdd, switch)".
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::filesystem::path folder_;  ///< of stress-ng's own files
  std::unique_ptr<Running> running_;
  std::string text_;
};

}  // namespace kvmrt::launcher::latency
