// SPDX-License-Identifier: MIT
#include "partition/keeper_rules.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/file.h"
#include "partition/desired.h"
#include "partition/device_wish.h"
#include "partition/links.h"
#include "partition/resctrl.h"
#include "partition/words.h"

namespace kvmrt::partition {
namespace {

Problem error(std::string code, const std::string& vm, std::string message, std::string hint = {}) {
  return {Severity::error, std::move(code), vm, "cpuset", std::move(message), std::move(hint), {}};
}

class Judge {
 public:
  Judge(Host& host, const HostState& state, const Ledger& ledger, const std::vector<Lease>& more)
      : host_(host), state_(state), ledger_(ledger), more_(more) {}

  Problems run() {
    for (std::size_t i = 0; i < more_.size(); ++i) {
      for (const Lease& other : ledger_.leases) overlap(more_[i], other, "running VM ");
      for (std::size_t j = 0; j < i; ++j) overlap(more_[i], more_[j], "");
      present(more_[i]);
      siblings(more_[i]);
      links(more_[i]);
      for (Problem& problem : cache_refusals(state_, more_[i])) add(std::move(problem));
      if (uses_partition(more_[i], state_.partitions)) own_cgroup(more_[i]);
      shields(more_[i]);
    }
    services();
    Ledger after = ledger_;
    after.leases.insert(after.leases.end(), more_.begin(), more_.end());
    if (divide(state_, after).housekeeping.empty())
      add(error("no-housekeeping-cpu", more_.empty() ? "" : more_.front().vm,
                "no CPU would be left for the host"));
    return std::move(problems_);
  }

 private:
  void add(Problem problem) { problems_.push_back(std::move(problem)); }

  void overlap(const Lease& lease, const Lease& other, const char* what) {
    if (lease.vm == other.vm) {
      add(error("vm-running", lease.vm, fmt::format("{} has a lease already", lease.vm),
                "kvmrt stat " + lease.vm));
      return;
    }
    const auto cpus_of = [](const Lease& one) { return one.plan.owned_cpus | one.plan.cpuset; };
    const CpuSet common =
        (lease.plan.owned_cpus & cpus_of(other)) | (cpus_of(lease) & other.plan.owned_cpus);
    devices(lease, other, what);
    if (common.empty()) return;
    add(error("rt-cpuset-overlap", lease.vm,
              cpus_that(common, "belongs to ", "belong to ") + what + other.vm));
  }

  void devices(const Lease& lease, const Lease& other, const char* what) {
    const auto theirs = pci_addresses(other);
    for (const std::string& address : pci_addresses(lease)) {
      if (std::find(theirs.begin(), theirs.end(), address) == theirs.end()) continue;
      Problem problem = error("pci-device-in-use", lease.vm,
                              fmt::format("{} belongs to {}{}", address, what, other.vm));
      problem.key = "pci";
      add(std::move(problem));
    }
  }

  void present(const Lease& lease) {
    const CpuSet held = divide(state_, ledger_).offline;
    const CpuSet wanted = lease.plan.usable_cpus() | lease.plan.cpuset;
    const CpuSet absent = wanted - lease.plan.offline_cpus - state_.online - held;
    if (absent.empty()) return;
    add(error("cpu-offline", lease.vm,
              cpus_that(absent, "does not exist or is offline", "do not exist or are offline"),
              "cat /sys/devices/system/cpu/online"));
  }

  void siblings(const Lease& lease) {
    if (ledger_.policy.siblings == SiblingRule::leave) return;
    for (const CpuId cpu : (lease.plan.offline_cpus & state_.online).members()) {
      if (!state_.knobs.contains(online_knob(cpu)))
        add(error("sibling-cannot-go-offline", lease.vm,
                  fmt::format("CPU {} is a sibling to be taken offline and cannot go offline",
                              to_string(cpu))));
    }
  }

  /// Poll threads that start later are found by the drift check.
  void services() {
    const bool rt =
        std::any_of(more_.begin(), more_.end(), [](const Lease& lease) { return lease.plan.rt; });
    for (const Service& service : ledger_.policy.services) {
      const bool runs = std::any_of(state_.service_of.begin(), state_.service_of.end(),
                                    [&](const auto& one) { return one.second == service.unit; });
      if (!rt || runs) continue;
      add({Severity::warning,
           "service-not-running",
           "",
           "services",
           fmt::format("no process of the service {} is there to be placed on CPUs {}",
                       service.unit, service.cpus.list()),
           "systemctl start " + service.unit,
           {}});
    }
  }

  void links(const Lease& lease) {
    for (const auto& wish : device_knobs(lease)) {
      const std::string& knob = wish.first;
      const bool there = state_.knobs.contains(knob) && !ledger_.knobs.contains(knob);
      if (!is_link_knob(knob) || !there) continue;
      const std::string name = knob.substr(knob.find(':') + 1);
      Problem problem =
          error("link-exists", lease.vm,
                fmt::format("an interface {} exists already, and it is not ours", name),
                "ip link delete " + name + ", or name it as the network's device");
      problem.key = "networks";
      add(std::move(problem));
    }
  }

  void own_cgroup(const Lease& lease) {
    const std::string ours = partition_knob(lease.vm);
    if (state_.knobs.contains(ours) && !ledger_.knobs.contains(ours))
      add(error("partition-exists", lease.vm, ours + " exists and is not in the ledger",
                "rmdir " + ours + "/vm " + ours));
  }

  /// Another cgroup's cpuset.cpus with one of our CPUs makes a partition of ours invalid, also one
  /// written later. Where we make none it is in the way if it keeps the CPUs to itself: nobody from
  /// outside may run on those of a partition.
  void shields(const Lease& lease) {
    // v1 has a tree for each controller.
    const std::string tree = std::string(kCgroups) + (state_.partitions ? "" : "/cpuset");
    const CpuSet wanted = lease.plan.owned_cpus.empty() ? CpuSet{} : lease.plan.usable_cpus();
    const bool partition = uses_partition(lease, state_.partitions);
    for (const auto& name : host_.list(tree)) {
      const std::string folder = tree + "/" + name;
      if (folder == partition_knob(lease.vm) || ledger_.knobs.contains(folder)) continue;
      const auto text = host_.read(folder + "/cpuset.cpus");
      const auto cpus = text ? CpuSet::from_list(*text) : std::nullopt;
      if (!cpus || !cpus->intersects(wanted) || !(partition || keeps_to_itself(folder))) continue;
      add(error("foreign-shield", lease.vm,
                fmt::format("cgroup {} claims CPUs {}", folder, (*cpus & wanted).list()),
                "take them out of " + folder + "/cpuset.cpus (systemd: AllowedCPUs=)"));
    }
  }

  bool keeps_to_itself(const std::string& folder) {
    const std::string kind = host_.read(folder + "/cpuset.cpus.partition").value_or("member");
    const std::string exclusive = host_.read(folder + "/cpuset.cpu_exclusive").value_or("0");  // v1
    return !trimmed(kind).starts_with("member") || trimmed(exclusive) == "1";
  }

  Host& host_;
  const HostState& state_;
  const Ledger& ledger_;
  const std::vector<Lease>& more_;
  Problems problems_;
};

}  // namespace

Problems refusals(Host& host, const HostState& state, const Ledger& ledger,
                  const std::vector<Lease>& more) {
  return Judge(host, state, ledger, more).run();
}

Problems judge_disturbance(const std::vector<Step>& steps, const Ledger& ledger,
                           const HostPolicy& policy) {
  std::string running;
  for (const Lease& lease : ledger.leases) {
    if (!lease.plan.owned_cpus.empty()) running += (running.empty() ? "" : ", ") + lease.vm;
  }
  Problems problems;
  if (running.empty()) return problems;
  for (const Step& step : steps) {
    if (!step.change.disturbs) continue;
    const bool refuse = policy.disturb == DisturbRule::refuse;
    problems.push_back({refuse ? Severity::error : Severity::warning,
                        "disturbs-running-guest",
                        "",
                        "disturb",
                        fmt::format("{} {} -> {} disturbs {}", step.change.knob, step.change.before,
                                    step.change.after, running),
                        "start both together with 'kvmrt boot', or siblings: at-boot in host.yaml",
                        {}});
  }
  return problems;
}

}  // namespace kvmrt::partition
