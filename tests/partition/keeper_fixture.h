// SPDX-License-Identifier: MIT
// A busy fake host, leases for it, and a run directory that goes with the test.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>

#include "partition/keeper.h"
#include "tests/partition/fake_host.h"

namespace kvmrt::partition {

class RunDir {
 public:
  RunDir() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("kvmrt-keeper-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directory(path_);
  }
  ~RunDir() { std::filesystem::remove_all(path_); }
  RunDir(const RunDir&) = delete;
  RunDir& operator=(const RunDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool has_ledger() const { return std::filesystem::exists(path_ / "ledger.json"); }

 private:
  std::filesystem::path path_;
};

/// 8 CPUs, siblings (0,1) (2,3) (4,5) (6,7); odd originals on purpose.
inline std::shared_ptr<FakeHost> busy_host(FakeShape shape = {}) {
  auto host = std::make_shared<FakeHost>(shape);
  host->add_irq(1, "i8042", "0-7");
  host->add_irq(24, "eth0-rx-0", "4");
  host->add_irq(25, "eth0-tx-0", "5,7");
  host->add_irq(26, "ahci", "0,2");
  host->add_irq(27, "nvme0q4", "4");
  host->managed_irqs = {27};
  host->add_task(1, "init", CpuSet::range(0, 7));
  host->add_kthread(2, "kthreadd", CpuSet::range(0, 7), true);
  host->add_task(300, "everywhere", CpuSet::range(0, 7));
  host->add_task(301, "on-four", {4});
  host->add_task(302, "on-three-and-five", {3, 5});
  host->add_task(303, "on-zero", {0});
  host->add_task(304, "on-five", {5});
  host->add_kthread(20, "kswapd1", {4, 5, 6, 7}, true);
  host->add_kthread(21, "irq/24-eth0-rx-0", {4}, true).scheduling = {Policy::fifo, 50};
  int tid = 30;
  for (const int cpu : {0, 4, 6}) {
    const std::string id = std::to_string(cpu);
    host->add_kthread(tid++, "rcuc/" + id, {cpu}, false).scheduling = {Policy::fifo, 1};
    host->add_kthread(tid++, "ktimers/" + id, {cpu}, false).scheduling = {Policy::fifo, 1};
    host->add_kthread(tid++, "ksoftirqd/" + id, {cpu}, false);
    host->add_kthread(tid++, "kworker/" + id + ":1H", {cpu}, false);
    host->add_kthread(tid++, "migration/" + id, {cpu}, false).scheduling = {Policy::fifo, 99};
  }
  return host;
}

/// CPU `first` for the emulator and `second` for the one vCPU; their siblings go offline. The
/// supervisor is a task of the host.
inline Lease lease_on(FakeHost& host, const std::string& vm, int first, int second,
                      int supervisor) {
  if (!host.all.contains(supervisor))
    host.add_task(supervisor, "kvmrt", host.all.contains(1) ? host.all.at(1).cpus : CpuSet{0});
  Lease lease;
  lease.vm = vm;
  lease.supervisor = {Pid(supervisor), host.all.at(supervisor).start_time};
  lease.plan.name = vm;
  lease.plan.rt = true;
  lease.plan.cpuset = {first, second};
  lease.plan.emulator_cpus = {first};
  lease.plan.owned_cpus = {first, first ^ 1, second, second ^ 1};
  lease.plan.offline_cpus = {first ^ 1, second ^ 1};
  lease.plan.threads = {
      {ThreadClass::emulator, std::nullopt, "emulator", {first}, {}},
      {ThreadClass::vcpu, 0, "vcpu0", {second}, {Policy::fifo, 1}},
  };
  lease.request.name = vm;
  lease.request.rt = true;
  return lease;
}

/// The supervisors of these leases are killed, and with them whatever they had spawned unmarked.
inline void kill_supervisors(FakeHost& host, const std::vector<int>& pids) {
  for (const int pid : pids) host.all.erase(pid);
}

}  // namespace kvmrt::partition
