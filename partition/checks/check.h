// SPDX-License-Identifier: MIT
// One check of the catalogue: a question about a host, and what its answer is made of. Pure: a
// check sees a HostView and what is wanted, nothing else.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partition/checks/host_view.h"
#include "partition/checks/wanted.h"

namespace kvmrt::partition::checks {

enum class Status { ok, warning, failed, unknown, not_applicable };

/// How bad a wrong answer is: `required` fails, `recommended` warns, `info` is only told.
enum class Level { required, recommended, info };

/// What a check found. `good` false and no other mark: as bad as the check's level says.
struct Finding {
  enum class Kind { good, bad, unknown, not_applicable };
  Kind kind = Kind::good;
  std::string found;
  std::string wanted;
  std::string fix;             ///< the exact line, behind the place where it belongs; "" for none
  std::optional<Level> level;  ///< where this case is worse or better than the check's own level
  bool at_start = false;       ///< kvmrt-launch puts it right by itself

  [[nodiscard]] Finding as(Level other) && {
    level = other;
    return std::move(*this);
  }
};

Finding good(std::string found, std::string wanted);
Finding bad(std::string found, std::string wanted, std::string fix);
Finding unknown(std::string found, std::string wanted, std::string fix = {});
Finding not_applicable(std::string reason);
/// Wrong now, but kvmrt-launch sets it before the guest runs: a warning, unless an RT VM runs
/// already, since then it ought to be in force.
Finding at_start(const Wanted& wanted, std::string found, std::string want, std::string fix);
/// `good` or `bad` by `holds`.
Finding verdict(bool holds, std::string found, std::string wanted, std::string fix);

enum class Scope { host, rt_cpus };  ///< rt_cpus: makes no sense without any RT CPU

struct Check {
  std::string_view id;  ///< "C3", as in the catalogue
  std::string_view title;
  Level level;
  Scope scope;
  std::string_view why;
  Finding (*judge)(const HostView& host, const Wanted& wanted);
};

struct Result {
  std::string id, title;
  Status status = Status::ok;
  std::string found, wanted, why, fix;
  bool at_start = false;
};

/// All checks, in the catalogue's order.
std::vector<Check> catalogue();

/// Those named by `ids` (all when empty), judged.
std::vector<Result> run_checks(const HostView& host, const Wanted& wanted,
                               std::span<const std::string> ids = {});

/// The worst of them: ok, warning or failed. What is unknown or not applicable does not count.
Status verdict_of(std::span<const Result> results);

/// "ok" | "warning" | "failed" | "unknown" | "not-applicable"
std::string_view to_string(Status status);

// The sections of the catalogue.
std::span<const Check> hardware_checks();
std::span<const Check> firmware_checks();
std::span<const Check> kernel_checks();
std::span<const Check> boot_isolation_checks();
std::span<const Check> boot_other_checks();
std::span<const Check> boot_vendor_checks();
std::span<const Check> isolation_checks();
std::span<const Check> interrupt_checks();
std::span<const Check> kthread_checks();
std::span<const Check> scheduler_checks();
std::span<const Check> power_checks();
std::span<const Check> memory_checks();
std::span<const Check> memory_policy_checks();
std::span<const Check> kvm_module_checks();
std::span<const Check> daemon_checks();

}  // namespace kvmrt::partition::checks
