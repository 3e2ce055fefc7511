// SPDX-License-Identifier: MIT
// Programs that a measurement calls: gnuplot, cyclictest, stress-ng, kvmrt itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launcher/process.h"
#include "launcher/spawn.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::latency {

struct Ran {
  ExitStatus status;
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// A child with this program, its output and errors in files that nobody else sees. It dies with
/// us.
class Running {
 public:
  /// `cpus`: empty: ours. `folder`: where it runs; "": here. Throws SystemError.
  Running(const std::filesystem::path& program, std::vector<std::string> argv,
          const partition::CpuSet& cpus = {}, const std::string& folder = {},
          const std::string& input = {});
  /// Ends it, with all that it started, if it still runs.
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] bool over(std::chrono::milliseconds patience) const;
  /// Asks it to end; cyclictest then prints what it has.
  void interrupt();
  /// Waits for its end, however long that takes.
  Ran finish();

 private:
  Fd output_, errors_;
  Child child_;
  bool reaped_ = false;
};

}  // namespace kvmrt::launcher::latency
