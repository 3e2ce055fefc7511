// SPDX-License-Identifier: MIT
// What several checks read of a host, parsed. Functions of the view alone; absent or malformed
// files give empty values, and a check that must tell "absent" from "empty" reads the file itself.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "partition/checks/check.h"
#include "partition/checks/host_view.h"
#include "partition/cpuset.h"

namespace kvmrt::partition::checks {

// --- files -------------------------------------------------------------------------------------

/// Trimmed; nothing when it cannot be read.
std::optional<std::string> text_of(const HostView& host, const std::string& path);
std::optional<long long> number_of(const HostView& host, const std::string& path);
std::optional<long long> to_number(std::string_view text);
/// A list of CPUs; the kernel's "(null)" (nohz_full without a value) is the empty set.
std::optional<CpuSet> cpus_of(const HostView& host, const std::string& path);
/// "cannot be read" as a finding that names the file and the reason.
Finding unreadable(const HostView& host, const std::string& path, std::string wanted,
                   std::string fix = {});
/// good or bad by equality of the trimmed text, unknown when the file cannot be read.
Finding expect_text(const HostView& host, const std::string& path, const std::string& wanted,
                    std::string fix);

// --- processor ---------------------------------------------------------------------------------

struct Processor {
  CpuId id;
  std::string vendor, model_name, family, model, stepping, microcode;
  std::vector<std::string> flags;
};

std::vector<Processor> processors(const HostView& host);  ///< of /proc/cpuinfo
bool has_flag(const HostView& host, std::string_view flag);
bool is_intel(const HostView& host);
bool is_amd(const HostView& host);

CpuSet online_cpus(const HostView& host);
CpuSet isolated_at_boot(const HostView& host);
CpuSet nohz_full(const HostView& host);
/// The SMT siblings, itself included; of an offline one only itself is known.
CpuSet siblings_of(const HostView& host, CpuId cpu);
std::string cpu_path(CpuId cpu, std::string_view below);  ///< /sys/devices/system/cpu/cpuN/…

// --- kernel ------------------------------------------------------------------------------------

struct KernelVersion {
  int major = 0, minor = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

std::string kernel_release(const HostView& host);  ///< uname -r
KernelVersion kernel_version(const HostView& host);
bool is_rt_kernel(const HostView& host);
bool is_redhawk(const HostView& host);
/// "y", "m" or a value by name without CONFIG_; nothing when the configuration is not to be had.
std::optional<std::map<std::string, std::string>> kernel_config(const HostView& host);

/// The last value of a boot parameter; "" for one without a value, nothing when absent. Dashes and
/// underscores are the same, as for the kernel.
std::optional<std::string> boot_parameter(const HostView& host, std::string_view name);
/// The CPUs of a parameter such as irqaffinity=, rcu_nocbs= ("all", "N" for the last, flags of
/// isolcpus= skipped).
CpuSet boot_cpus(const HostView& host, std::string_view name);

/// /sys/module/NAME/parameters/PARAMETER, trimmed.
std::optional<std::string> module_parameter(const HostView& host, const std::string& module,
                                            const std::string& parameter);
bool module_is_builtin(const HostView& host, const std::string& module);

// --- tasks and interrupts ----------------------------------------------------------------------

struct Task {
  Tid tid;
  Pid pid;
  unsigned flags = 0;
  int policy = 0;  ///< as sched_getscheduler(2)
  int priority = 0;
  CpuSet cpus;
  std::string name;
  [[nodiscard]] bool is_kernel_thread() const { return (flags & 0x00200000U) != 0; }
  [[nodiscard]] bool is_movable() const {
    return (flags & 0x04000000U) == 0;
  }  ///< PF_NO_SETAFFINITY
  [[nodiscard]] bool is_real_time() const { return policy == 1 || policy == 2; }
};

std::vector<Task> tasks(const HostView& host);
/// A process whose main thread has this name (the kernel keeps 15 characters of it).
bool runs(const HostView& host, std::string_view process);

struct Irq {
  int number = 0;
  std::string actions;  ///< "nvme0q3"; "" when unused
  CpuSet allowed;       ///< smp_affinity_list
  CpuSet effective;     ///< effective_affinity_list, else the allowed ones
};

std::vector<Irq> irqs(const HostView& host);

// --- fix lines ---------------------------------------------------------------------------------

std::string fix_boot(std::string_view parameters);  ///< "kernel command line: …"
std::string fix_sysctl(std::string_view name, std::string_view value);
std::string fix_run(std::string_view command);
std::string fix_firmware(std::string_view advice);
/// A modprobe.d line, or the kernel command line where the module is built in.
std::string fix_module(const HostView& host, const std::string& module,
                       const std::string& parameter, const std::string& value);
/// "kvmrt-launch does it at start; by hand: …"
std::string fix_at_start(std::string_view by_hand);

std::string join(const std::vector<std::string>& words, std::string_view between = ", ");
/// The first few words, then "and N more".
std::string some_of(const std::vector<std::string>& words, std::size_t most = 4);

}  // namespace kvmrt::partition::checks
