// SPDX-License-Identifier: MIT
#include "partition/checks/check.h"

#include <algorithm>
#include <array>

namespace kvmrt::partition::checks {
namespace {

Finding finding(Finding::Kind kind, std::string found, std::string wanted, std::string fix) {
  Finding made;
  made.kind = kind;
  made.found = std::move(found);
  made.wanted = std::move(wanted);
  made.fix = std::move(fix);
  return made;
}

Status status_of(const Finding& finding, Level level) {
  switch (finding.kind) {
    case Finding::Kind::good:
      return Status::ok;
    case Finding::Kind::unknown:
      return Status::unknown;
    case Finding::Kind::not_applicable:
      return Status::not_applicable;
    case Finding::Kind::bad:
      break;
  }
  switch (finding.level.value_or(level)) {
    case Level::required:
      return Status::failed;
    case Level::recommended:
      return Status::warning;
    case Level::info:
      break;
  }
  return Status::ok;
}

Result run(const Check& check, const HostView& host, const Wanted& wanted) {
  Finding found = check.scope == Scope::rt_cpus && wanted.rt_cpus.empty()
                      ? not_applicable(wanted.why_no_rt_cpus)
                      : check.judge(host, wanted);
  Result result;
  result.id = check.id;
  result.title = check.title;
  result.status = status_of(found, check.level);
  result.found = std::move(found.found);
  result.wanted = std::move(found.wanted);
  result.why = check.why;
  result.fix = std::move(found.fix);
  result.at_start = found.at_start;
  return result;
}

}  // namespace

Finding good(std::string found, std::string wanted) {
  return finding(Finding::Kind::good, std::move(found), std::move(wanted), {});
}

Finding bad(std::string found, std::string wanted, std::string fix) {
  return finding(Finding::Kind::bad, std::move(found), std::move(wanted), std::move(fix));
}

Finding unknown(std::string found, std::string wanted, std::string fix) {
  return finding(Finding::Kind::unknown, std::move(found), std::move(wanted), std::move(fix));
}

Finding not_applicable(std::string reason) {
  return finding(Finding::Kind::not_applicable, std::move(reason), {}, {});
}

Finding at_start(const Wanted& wanted, std::string found, std::string want, std::string fix) {
  Finding made = bad(std::move(found), std::move(want), std::move(fix));
  if (wanted.running) return made;
  made.at_start = true;
  made.level = Level::recommended;
  return made;
}

Finding verdict(bool holds, std::string found, std::string wanted, std::string fix) {
  if (holds) return good(std::move(found), std::move(wanted));
  return bad(std::move(found), std::move(wanted), std::move(fix));
}

std::vector<Check> catalogue() {
  const std::array sections{hardware_checks(),       firmware_checks(),   kernel_checks(),
                            boot_isolation_checks(), boot_other_checks(), boot_vendor_checks(),
                            isolation_checks(),      interrupt_checks(),  kthread_checks(),
                            scheduler_checks(),      power_checks(),      memory_checks(),
                            memory_policy_checks(),  kvm_module_checks(), daemon_checks()};
  std::vector<Check> all;
  for (const auto& section : sections) all.insert(all.end(), section.begin(), section.end());
  return all;
}

std::vector<Result> run_checks(const HostView& host, const Wanted& wanted,
                               std::span<const std::string> ids) {
  std::vector<Result> results;
  for (const Check& check : catalogue()) {
    if (ids.empty() || std::find(ids.begin(), ids.end(), check.id) != ids.end())
      results.push_back(run(check, host, wanted));
  }
  return results;
}

Status verdict_of(std::span<const Result> results) {
  const auto any = [&](Status status) {
    return std::any_of(results.begin(), results.end(),
                       [&](const Result& result) { return result.status == status; });
  };
  if (any(Status::failed)) return Status::failed;
  return any(Status::warning) ? Status::warning : Status::ok;
}

std::string_view to_string(Status status) {
  constexpr std::array<std::string_view, 5> kNames{"ok", "warning", "failed", "unknown",
                                                   "not-applicable"};
  return kNames.at(static_cast<std::size_t>(status));
}

}  // namespace kvmrt::partition::checks
