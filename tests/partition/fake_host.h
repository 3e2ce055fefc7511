// SPDX-License-Identifier: MIT
// A host in memory with the kernel's side effects as facts/linux-host.md measured them: partitions
// and hotplug clobber masks, managed interrupts refuse, an accepted partition may be invalid. Every
// effect is counted; one may be made to fail, or to be the last before the keeper dies.
#pragma once

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "partition/host.h"
#include "partition/knob.h"
#include "partition/schemata.h"

namespace kvmrt::partition {

/// Thrown at the chosen effect in place of a SIGKILL: nothing of ours catches it.
struct KillPoint {};

struct FakeShape {
  int cpus = 8;
  int threads = 2;            ///< per core; siblings are neighbours (0,1) (2,3)
  bool partitions = true;     ///< cgroup v2 cpuset
  bool clobbers_user = true;  ///< 6.1: masks asked for are lost; false: 6.12 keeps user masks
  bool rt_kernel = true;
  bool fair_server = false;
  CpuSet isolated = {};  ///< at boot
};

/// All that a keeper may have changed.
struct FakeImage {
  std::map<std::string, std::string> files;
  std::map<int, Task> all;
};

class FakeHost : public Host {
 public:
  explicit FakeHost(FakeShape shape = {});

  // What a test sets and compares.
  std::map<std::string, std::string> files;
  std::map<int, Task> all;
  std::set<int> dead;          ///< pids whose process is gone
  std::set<int> managed_irqs;  ///< refuse with managed_error
  int managed_error = EIO;
  std::set<std::string> deaf;  ///< files and task policies that take a write and stay as they are
  std::string invalid_reason;  ///< not empty: partitions become "isolated invalid (…)"
  std::uint64_t most_pages = 1000000;  ///< huge pages of any node: the kernel gives no more
  int fail_at = -1;  ///< the effect with this number fails with EIO (replace: ENOSPC)
  int die_at = -1;   ///< … and here the keeper dies before it
  int effects = 0;   ///< counted since the start
  std::function<void(const std::string& what)> on_effect;  ///< a neighbour acts in between
  std::function<void()> on_look;                           ///< … and before a look at the tasks
  std::vector<std::string> log;                            ///< what was done, in order
  std::set<int> killed;
  std::set<std::string> folders;  ///< cgroups that were made

  void offer_caches();
  Task& add_task(int tid, const std::string& comm, const CpuSet& cpus, int parent = 1);
  Task& add_kthread(int tid, const std::string& comm, const CpuSet& cpus, bool movable);
  void add_irq(int number, const std::string& action, const std::string& cpus);
  [[nodiscard]] FakeImage image() const { return {files, all}; }
  /// What is not as it was then, line by line; tasks that ended since do not count.
  [[nodiscard]] std::string difference(const FakeImage& other) const;
  [[nodiscard]] CpuSet online() const { return online_; }

  std::optional<std::string> read(const std::string& path) override;
  std::vector<std::string> list(const std::string& folder) override;
  std::vector<Task> tasks() override;
  std::optional<Task> task(Tid tid) override;
  bool alive(const ProcessId& process) override;
  int write(const std::string& path, const std::string& text) override;
  int make_folder(const std::string& path) override;
  int remove_folder(const std::string& path) override;
  int set_affinity(Tid task, const CpuSet& cpus) override;
  int set_scheduling(Tid task, const Scheduling& scheduling) override;
  int end_process(const ProcessId& process) override;
  int ask(const std::string& socket, const std::string& request, std::string& answer) override;
  void replace(const std::filesystem::path& path, const std::string& text) override;
  void remove(const std::filesystem::path& path) override;

 private:
  bool refuses(const std::string& what);
  int perform(const std::string& path, const std::string& text);
  int hotplug(const std::string& path, bool up);
  void tasks_lose(int cpu);
  void settle_masks();
  int write_cgroup(const std::string& path, const std::string& text);
  int write_cache(const std::string& path, const std::string& text);
  int make_class(const std::string& path);
  int write_pages(const std::string& path, std::uint64_t count);
  int write_irq(const std::string& path, const std::string& text);
  void repartition();
  void offer_cpuset(const std::string& folder);
  [[nodiscard]] CpuSet everything() const { return present_ - partitioned_; }
  void show_online() { files[kCpus + "/online"] = online_.list() + "\n"; }
  [[nodiscard]] static int number_in(const std::string& path, const std::string& before);
  inline static const std::string kCpus = "/sys/devices/system/cpu";
  inline static const std::string kCaches = "/sys/fs/resctrl";
  inline static const std::string kGroups = "/sys/fs/cgroup";

  FakeShape shape_;
  CpuSet present_;
  CpuSet online_;
  CpuSet partitioned_;
  std::map<int, CpuSet> asked_;  ///< user_cpus_ptr of 6.2 and later
};

}  // namespace kvmrt::partition

#include "tests/partition/fake_host_effects.h"
