// SPDX-License-Identifier: MIT
// The interference ledger: what kept a VM's vCPUs waiting between two readings of its counters, and
// who ran on the CPUs that it owns. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/noise/counters.h"

namespace kvmrt::launcher::noise {

/// Cumulative run delay cannot show a single wait, so "within" needs the kernel's longest one.
enum class Verdict { no_budget, within, over, unknown };

struct VcpuNoise {
  int index = 0;
  partition::CpuSet cpus;
  nanoseconds run_time{0};
  nanoseconds run_delay{0};
  std::uint64_t slices = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t major_faults = 0;
  /// Nothing where the kernel keeps none, or when it did not grow in this period.
  std::optional<nanoseconds> longest_wait;
  std::map<std::string, std::uint64_t> exits;
  Verdict verdict = Verdict::no_budget;
  /// 0 without slices.
  [[nodiscard]] nanoseconds mean_wait() const;
};

enum class Source { task, interrupt, softirq, smi };

/// One that used an owned CPU.
struct Disturber {
  Source source = Source::task;
  partition::CpuSet cpus;   ///< one CPU; of a task that moves among owned ones, several
  std::string name;         ///< "burner", "LOC Local timer interrupts", "TIMER", "SMI"
  Tid tid;                  ///< of a task
  bool kernel = false;      ///< a kernel thread
  nanoseconds time{0};      ///< of a task; of the others it is not known
  bool at_most = false;     ///< some of the time may have been spent elsewhere, or before
  std::uint64_t count = 0;  ///< of a task: times it was put on a CPU
  friend bool operator==(const Disturber&, const Disturber&) = default;
};

struct Noise {
  nanoseconds period{0};
  std::vector<VcpuNoise> vcpus;
  std::vector<Disturber> disturbers;  ///< tasks by time, then the others by count, greatest first
  partition::CpuSet watched;
  bool smis_known = false;

  /// The task that took most of a watched CPU's time; nothing when none ran.
  [[nodiscard]] const Disturber* culprit() const;
};

/// What was counted from `before` to `after`. `budget`: the longest wait that the guest can bear;
/// zero: none named. A task that `before` does not have counts with all its run time, at most with
/// the length of the period.
Noise noise_between(const Counters& before, const Counters& after, nanoseconds budget);

/// All that is known of a running VM: its counters when the guest began, those of the supervisor's
/// last look, and the tasks that came, or left, between its looks.
struct Ledger {
  nanoseconds budget{0};
  Counters baseline;
  Counters last;
  std::vector<Disturber> past;
};

/// The ledger after another look. A task that was moved here and away again is only in `past`.
Ledger advanced(Ledger ledger, Counters now);

/// Since the guest began.
Noise noise_since_start(const Ledger& ledger, const Counters& now);

std::string to_string(Verdict verdict);  ///< "no budget" | "within" | "over" | "unknown"
std::string to_string(Source source);    ///< "task" | "interrupt" | "softirq" | "smi"
/// "task burner (812)", "kernel thread kworker/1:0 (31)", "interrupt 24 eth0".
std::string to_string(const Disturber& disturber);

/// One line for the log: each vCPU's waits, and who used the CPUs.
std::string summary(const Noise& noise, nanoseconds budget);

}  // namespace kvmrt::launcher::noise
