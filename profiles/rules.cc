// SPDX-License-Identifier: MIT
#include "profiles/rules.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "profiles/rules_devices.h"

namespace kvmrt::profiles {
namespace {

class Rules {
 public:
  explicit Rules(const Profile& profile) : profile_(profile) {}

  Problems run() {
    topology();
    realtime();
    schedulings();
    vcpu_numbers();
    memory();
    numa();
    promotion();
    boot();
    return std::move(problems_);
  }

 private:
  void refuse(const std::string& key, std::string code, std::string message,
              std::string hint = {}) {
    problems_.push_back({Severity::error, std::move(code), profile_.name, key, std::move(message),
                         std::move(hint), profile_.place_of(key)});
  }

  void topology() {
    const CpuTopology& t = profile_.topology;
    const long long product = 1LL * t.sockets * t.cores * t.threads;
    const bool room = profile_.max_vcpus > profile_.nr_vcpus;
    if (product != profile_.most_vcpus())
      refuse(
          "cpu_topology", "topology-product",
          fmt::format("{} sockets × {} cores × {} threads are {}; {} is {}", t.sockets, t.cores,
                      t.threads, product, room ? "max_vcpus" : "nr_vcpus", profile_.most_vcpus()));
    if (profile_.max_vcpus != 0 && profile_.max_vcpus < profile_.nr_vcpus)
      refuse(
          "max_vcpus", "out-of-range",
          fmt::format("found {}; nr_vcpus is {} already", profile_.max_vcpus, profile_.nr_vcpus));
  }

  void realtime() {
    const bool has_cpuset = profile_.cpuset.is_auto() || profile_.cpuset.is_set();
    if (profile_.rt && !has_cpuset)
      refuse("rt", "rt-without-cpuset", "a real-time VM needs a cpuset, or cpuset: auto",
             "'kvmrt cpu-topology --suggest' proposes one");
    if (profile_.rt && !profile_.rt_memory)
      refuse("rt_memory", "rt-without-locked-memory",
             "found false; a real-time VM needs its memory locked: true or auto");
    const auto& emulator = profile_.realtime.emulator;
    if (emulator.where != partition::EmulatorRequest::Where::rule && !has_cpuset)
      refuse("realtime.emulator_cpuset", "emulator-without-cpuset",
             "it sets the emulator threads apart from cpuset, and there is none");
  }

  void scheduling(const std::string& section, const Scheduling& s) {
    const bool is_rt = s.policy != partition::Policy::other;
    if (is_rt && s.priority == 0)
      refuse(section + ".priority", "policy-priority", "found 0; fifo and rr need 1..99");
    if (!is_rt && s.priority != 0)
      refuse(section + ".priority", "policy-priority",
             fmt::format("found {}; policy other has priority 0", s.priority));
  }

  void schedulings() {
    scheduling("realtime.emulator", profile_.realtime.emulator.scheduling);
    for (std::size_t i = 0; i < profile_.iothreads.size(); ++i)
      scheduling(fmt::format("iothreads[{}]", i), profile_.iothreads[i].scheduling);
  }

  void vcpu_exists(const std::string& key, int vcpu) {
    const bool room = profile_.max_vcpus > profile_.nr_vcpus;
    if (vcpu >= profile_.most_vcpus())
      refuse(key, "no-such-vcpu",
             fmt::format("there is no vCPU {}; {} {} gives 0..{}", vcpu,
                         room ? "max_vcpus" : "nr_vcpus", profile_.most_vcpus(),
                         profile_.most_vcpus() - 1));
  }

  void vcpu_numbers() {
    const auto& vcpus = profile_.realtime.vcpus;
    if (vcpus && vcpus->empty())
      refuse("realtime.vcpus", "no-such-vcpu", "it names no vCPU; allowed: all, or some of them");
    if (vcpus && !vcpus->empty()) vcpu_exists("realtime.vcpus", vcpus->back());
    for (const auto& [vcpu, cpu] : profile_.realtime.pin) {
      const std::string key = fmt::format("realtime.pin.{}", vcpu);
      vcpu_exists(key, vcpu);
      if (profile_.cpuset.is_set() && !profile_.cpuset.set.has(cpu))
        refuse(key, "pin-outside-cpuset",
               fmt::format("CPU {} is not in cpuset {}", cpu.value(), profile_.cpuset.set.list()));
    }
  }

  void memory() {
    const Memory& memory = profile_.memory;
    if (memory.hugepages && memory.size.count() % memory.hugepages->count() != 0)
      refuse("memory.size", "hugepage-multiple",
             fmt::format("{} is no multiple of the page size {}", to_string(memory.size),
                         to_string(*memory.hugepages)));
    if (memory.size.count() % mib(1).count() != 0)
      refuse("memory.size", "out-of-range",
             fmt::format("found {}; allowed: whole MiB", to_string(memory.size)));
  }

  void numa() {
    if (profile_.numa.empty()) return;
    Bytes sum;
    std::set<int> seen;
    for (std::size_t i = 0; i < profile_.numa.size(); ++i) {
      const std::string key = fmt::format("numa[{}].vcpus", i);
      const Bytes size = profile_.numa[i].memory;
      const Bytes unit = profile_.memory.hugepages.value_or(mib(1));
      if (size.count() % unit.count() != 0)
        refuse(fmt::format("numa[{}].memory", i), "numa-memory",
               fmt::format("found {}; allowed: whole multiples of {}", to_string(size),
                           to_string(unit)));
      sum = sum + size;
      for (const int vcpu : profile_.numa[i].vcpus) {
        vcpu_exists(key, vcpu);
        if (!seen.insert(vcpu).second)
          refuse(key, "numa-vcpus", fmt::format("vCPU {} is in an earlier node too", vcpu));
      }
    }
    if (std::cmp_less(seen.size(), profile_.most_vcpus()))
      refuse("numa", "numa-vcpus",
             fmt::format("the nodes hold {} of {} vCPUs", seen.size(), profile_.most_vcpus()));
    if (sum != profile_.memory.size)
      refuse("numa", "numa-memory",
             fmt::format("the nodes have {} together; memory.size is {}", to_string(sum),
                         to_string(profile_.memory.size)));
  }

  void promotion() {
    const Realtime& realtime = profile_.realtime;
    const bool has_after = realtime.promote_after_time || !realtime.promote_after_text.empty();
    if (realtime.promote == Promote::after_boot && !has_after)
      refuse("realtime.promote", "missing-key",
             "after-boot needs promote_after: a duration, or the text of a line on the console");
    if (realtime.promote == Promote::before_start && has_after)
      refuse("realtime.promote_after", "not-together", "it has a meaning with promote: after-boot");
  }

  void boot() {
    const Boot& boot = profile_.boot;
    if (boot.kernel.empty() && !boot.initrd.empty())
      refuse("boot.initrd", "not-together", "it has a meaning with boot.kernel");
    if (boot.kernel.empty() && !boot.cmdline.empty())
      refuse("boot.cmdline", "not-together", "it has a meaning with boot.kernel");
  }

  const Profile& profile_;
  Problems problems_;
};

}  // namespace

Problems check_rules(const Profile& profile) {
  Problems problems = Rules(profile).run();
  for (Problem& problem : check_devices(profile)) problems.push_back(std::move(problem));
  return problems;
}

}  // namespace kvmrt::profiles
