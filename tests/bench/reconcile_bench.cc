// SPDX-License-Identifier: MIT
// What acquire and release cost of our own time: on a small host, and on a very large one. The host
// is in memory, so hotplug and system calls cost nothing here.
#include <ctime>
#include <fmt/format.h>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

std::shared_ptr<FakeHost> host_of(int cpus, int irqs, int tasks) {
  FakeShape shape;
  shape.cpus = cpus;
  auto host = std::make_shared<FakeHost>(shape);
  const CpuSet all = CpuSet::range(0, cpus - 1);
  for (int i = 0; i < irqs; ++i)
    host->add_irq(16 + i, fmt::format("dev{}-q{}", i / 64, i % 64), std::to_string(i % cpus));
  host->add_task(1, "init", all);
  host->add_kthread(2, "kthreadd", all, true);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    host->add_kthread(100 + cpu * 2, fmt::format("rcuc/{}", cpu), CpuSet::of(CpuId(cpu)), false);
    host->add_kthread(101 + cpu * 2, fmt::format("kworker/{}:1", cpu), CpuSet::of(CpuId(cpu)),
                      false);
  }
  for (int i = 0; i < tasks; ++i)
    host->add_task(10000 + i, "task", i % 50 == 0 ? CpuSet::of(CpuId(i % cpus)) : all,
                   i == 0 ? 1 : 10000 + (i - 1) / 10);
  return host;
}

/// Of processor time: what the neighbours do does not count.
double milliseconds_since(std::clock_t start) {
  return 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void measure(int cpus, int irqs, int tasks) {
  const RunDir run;
  auto host = host_of(cpus, irqs, tasks);
  const auto lease = lease_on(*host, "a", cpus - 4, cpus - 2, 9000);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  auto start = std::clock();
  const auto answer = keeper.acquire({lease}, HostPolicy{});
  const double acquire = milliseconds_since(start);
  if (!answer) fmt::print("{}\n", to_string(answer.problems().front()));
  start = std::clock();
  (void)keeper.drift();
  const double drift = milliseconds_since(start);
  start = std::clock();
  keeper.release("a");
  const double release = milliseconds_since(start);
  fmt::print(
      "{:5} CPUs {:5} IRQs {:6} tasks: acquire {:8.1f} ms, drift check {:7.1f} ms, release "
      "{:8.1f} ms, {} effects{}\n",
      cpus, irqs, tasks, acquire, drift, release, host->effects,
      host->difference(before).empty() ? "" : ", NOT RESTORED");
}

}  // namespace
}  // namespace kvmrt::partition

int main() {
  kvmrt::partition::measure(8, 40, 400);
  kvmrt::partition::measure(128, 500, 5000);
  kvmrt::partition::measure(1024, 4000, 50000);
}
