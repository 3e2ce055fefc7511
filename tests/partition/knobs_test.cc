// SPDX-License-Identifier: MIT
// The audit of docs/host-changes.md, knob by knob and task by task: announced with old, new and
// reason, in the ledger before it is written, read back, given back.
#include <algorithm>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>

#include "base/file.h"
#include "partition/ledger.h"
#include "partition/state.h"
#include "tests/partition/keeper_fixture.h"
#include "tests/paths.h"

namespace kvmrt::partition {
namespace {

struct Row {
  const char* knob;
  const char* before;
  const char* after;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.knob; }

class EveryKnob : public testing::TestWithParam<Row> {
 protected:
  EveryKnob() {
    host = busy_host(
        {.fair_server = std::string(GetParam().knob).find("fair_server") != std::string::npos});
    host->files["/sys/class/net/eth0/queues/rx-1/rps_cpus"] = "30";
    lease = lease_on(*host, "a", 4, 6, 900);
    policy.throttling = Throttling::off;
    before = host->image();
  }
  [[nodiscard]] std::string value() const {
    return read_knob(*host, GetParam().knob).value_or("(absent)");
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  Lease lease;
  HostPolicy policy;
  FakeImage before;
};

TEST_P(EveryKnob, IsAnnouncedJournaledFirstAndGivenBack) {
  const Row row = GetParam();
  Keeper keeper(host, run.path());
  const auto preview = keeper.preview({lease}, policy);
  const auto change = std::find_if(preview.changes.begin(), preview.changes.end(),
                                   [&row](const Change& one) { return one.knob == row.knob; });
  ASSERT_NE(change, preview.changes.end()) << "not in the dry-run";
  EXPECT_EQ(change->before, row.before);
  EXPECT_TRUE(same_value(row.knob, change->after, row.after)) << change->after;
  EXPECT_NE(change->reason, "");

  const std::string name = "\"" + std::string(row.knob) + "\"";
  bool written = false;
  host->on_effect = [&](const std::string& what) {
    if (what.find(row.knob) == std::string::npos || !what.starts_with("write ")) return;
    written = true;
    EXPECT_NE(read_file(run.path() / "ledger.json").find(name), std::string::npos) << what;
  };
  ASSERT_TRUE(keeper.acquire({lease}, policy));
  host->on_effect = nullptr;
  EXPECT_TRUE(written);
  EXPECT_TRUE(same_value(row.knob, value(), row.after)) << value();
  EXPECT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

TEST_P(EveryKnob, ThatKeepsItsValueIsFoundOutByReadingBack) {
  const std::string knob = GetParam().knob;
  host->deaf = {knob, knob + "/cpuset.cpus.partition"};
  try {
    (void)Keeper(host, run.path()).acquire({lease}, policy);
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find(knob), std::string::npos) << error.what();
  }
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

INSTANTIATE_TEST_SUITE_P(
    HostChanges, EveryKnob,
    testing::Values(Row{"/proc/irq/default_smp_affinity", "ff", "0f"},
                    Row{"/sys/devices/virtual/workqueue/cpumask", "ff", "0f"},
                    Row{"/sys/devices/virtual/workqueue/writeback/cpumask", "ff", "0f"},
                    Row{"/proc/sys/kernel/watchdog_cpumask", "0-7", "0-3"},
                    Row{"/sys/class/net/eth0/queues/rx-1/rps_cpus", "30", "0f"},
                    Row{"/proc/irq/24/smp_affinity_list", "4", "0-3"},
                    Row{"/sys/devices/system/cpu/cpu5/online", "1", "0"},
                    Row{"/sys/fs/cgroup/cgroup.subtree_control", "-cpuset", "+cpuset"},
                    Row{"/sys/fs/cgroup/kvmrt-a", "", "4,6"},
                    Row{"/sys/devices/system/cpu/cpu4/cpufreq/scaling_governor", "schedutil",
                        "performance"},
                    Row{"/sys/devices/system/cpu/cpu4/power/pm_qos_resume_latency_us", "0", "2"},
                    Row{"/proc/sys/kernel/sched_rt_runtime_us", "950000", "-1"},
                    Row{"/sys/kernel/debug/sched/fair_server/cpu4/runtime", "50000000", "0"}));

/// Kernel threads of an owned CPU, and what the busy host's tasks are kept off.
class EveryTask : public testing::TestWithParam<Row> {
 protected:
  EveryTask()
      : host(busy_host({.partitions = false})),
        lease(lease_on(*host, "a", 4, 6, 900)),
        before(host->image()) {}
  [[nodiscard]] const Task& task() const {
    return std::find_if(host->all.begin(), host->all.end(),
                        [](const auto& entry) { return entry.second.comm == GetParam().knob; })
        ->second;
  }
  /// A policy's priority tells it from a mask's CPUs.
  [[nodiscard]] static bool is_policy() {
    return std::string(GetParam().after).find("fifo") != std::string::npos;
  }
  [[nodiscard]] std::string knob() const {
    return is_policy() ? policy_knob(task().tid) : affinity_knob(task().tid);
  }
  [[nodiscard]] std::string value() const {
    return is_policy() ? to_text(task().scheduling) : (task().cpus & host->online()).list();
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  Lease lease;
  FakeImage before;
  const HostPolicy policy;
};

TEST_P(EveryTask, IsAnnouncedJournaledFirstAndGivenBack) {
  Keeper keeper(host, run.path());
  const auto preview = keeper.preview({lease}, policy);
  const auto change = std::find_if(preview.changes.begin(), preview.changes.end(),
                                   [this](const Change& one) { return one.knob == knob(); });
  ASSERT_NE(change, preview.changes.end()) << "not in the dry-run";
  EXPECT_EQ(change->before, GetParam().before);
  EXPECT_EQ(change->after, GetParam().after);
  EXPECT_NE(change->reason.find(task().comm + ": "), std::string::npos) << change->reason;

  bool written = false;
  host->on_effect = [&](const std::string& what) {
    if (!what.starts_with((is_policy() ? "policy " : "affinity ") + to_string(task().tid) + " "))
      return;
    written = true;
    const Ledger ledger = ledger_of_json(read_file(run.path() / "ledger.json"));
    if (is_policy())
      EXPECT_EQ(to_text(ledger.policies.at(task().tid.value()).original), GetParam().before);
    else
      EXPECT_EQ(ledger.masks.at(task().tid.value()).original.list(), GetParam().before);
  };
  ASSERT_TRUE(keeper.acquire({lease}, policy));
  host->on_effect = nullptr;
  EXPECT_TRUE(written);
  EXPECT_EQ(value(), GetParam().after);
  EXPECT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

TEST_P(EveryTask, WhosePolicyDoesNotHoldIsFoundOutByReadingBack) {
  if (!is_policy()) return;
  host->deaf = {knob()};
  try {
    (void)Keeper(host, run.path()).acquire({lease}, policy);
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find(knob()), std::string::npos) << error.what();
  }
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

INSTANTIATE_TEST_SUITE_P(HostChanges, EveryTask,
                         testing::Values(Row{"rcuc/4", "fifo:1", "fifo:4"},
                                         Row{"ktimers/4", "fifo:1", "fifo:3"},
                                         Row{"ksoftirqd/4", "other", "fifo:2"},
                                         Row{"kworker/4:1H", "other", "fifo:2"},
                                         Row{"kthreadd", "0-7", "0-3"},
                                         Row{"kswapd1", "4-7", "0-3"}, Row{"on-four", "4", "0-3"}));

/// The knobs of docs/host-changes.md's table, as expressions: "cpuN/online" and the like.
std::vector<std::regex> documented_knobs() {
  std::vector<std::regex> found;
  std::istringstream text(read_file(std::string(KVMRT_SOURCE_DIR) + "/docs/host-changes.md"));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string cell = line.substr(2, line.find(" | ") - 2);
    static const std::regex kQuoted("`([^`]+)`");
    for (std::sregex_iterator at(cell.begin(), cell.end(), kQuoted), end; at != end; ++at) {
      std::string knob = (*at)[1];
      for (const auto& [from, to] : {std::pair{"\\*", "[^/]+"},
                                     {"NAME", "[^/]+"},
                                     {"PID", "[0-9]+"},
                                     {"N(?=/|$)", "[0-9]+"}})
        knob = std::regex_replace(knob, std::regex(from), to);
      found.emplace_back("(.*/)?" + knob);
    }
  }
  return found;
}

TEST(HostChanges, AreAllInTheDocument) {
  const auto documented = documented_knobs();
  for (const bool fair_server : {false, true}) {
    const RunDir run;
    auto host = busy_host({.fair_server = fair_server});
    host->offer_caches();
    host->add_task(77, "irqbalance", CpuSet::range(0, 7));
    host->files["/run/irqbalance/irqbalance77.sock"] = "0";
    host->files["/sys/class/net/eth0/queues/rx-1/rps_cpus"] = "30";
    Lease lease = lease_on(*host, "a", 4, 6, 900);
    lease.request.cache = {"3", "", true};
    HostPolicy policy;
    policy.throttling = Throttling::off;
    const auto preview = Keeper(host, run.path()).preview({lease}, policy);
    EXPECT_GT(preview.changes.size(), 25U);
    for (const Change& change : preview.changes) {
      EXPECT_TRUE(std::any_of(documented.begin(), documented.end(), [&](const auto& one) {
        return std::regex_match(change.knob, one);
      })) << change.knob;
    }
  }
}

TEST(LateKworker, IsFoundJournaledFirstRaisedAndGivenBack) {
  const RunDir run;
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease}, HostPolicy{}));
  host->add_kthread(700, "kworker/6:7", {6}, false);
  const FakeImage with_it = host->image();
  const Transition drift = keeper.drift();
  ASSERT_EQ(drift.changes.size(), 1U);
  EXPECT_EQ(drift.changes[0].knob, "task:700:policy");
  EXPECT_EQ(drift.changes[0].before, "other");
  EXPECT_EQ(drift.changes[0].after, "fifo:2");
  bool written = false;
  host->on_effect = [&](const std::string& what) {
    if (!what.starts_with("policy 700 ")) return;
    written = true;
    const Ledger ledger = ledger_of_json(read_file(run.path() / "ledger.json"));
    EXPECT_TRUE(ledger.policies.contains(700));
  };
  keeper.repair();
  host->on_effect = nullptr;
  EXPECT_TRUE(written);
  EXPECT_EQ(to_text(host->all.at(700).scheduling), "fifo:2");
  EXPECT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(to_text(host->all.at(700).scheduling), "other");
}

TEST(ManagedInterrupt, IsAnnouncedTriedOnceToldAndLeftAlone) {
  const std::string knob = "/proc/irq/27/smp_affinity_list";
  const RunDir run;
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  const auto preview = keeper.preview({lease}, HostPolicy{});
  EXPECT_TRUE(std::any_of(preview.changes.begin(), preview.changes.end(),
                          [&knob](const Change& one) { return one.knob == knob; }));
  host->on_effect = [&](const std::string& what) {
    if (what.starts_with("write " + knob)) {
      EXPECT_NE(read_file(run.path() / "ledger.json").find(knob), std::string::npos);
    }
  };
  const auto done = keeper.acquire({lease}, HostPolicy{});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->problems.at(0).code, "irq-managed");
  host->on_effect = nullptr;
  EXPECT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(
      std::count_if(host->log.begin(), host->log.end(),
                    [&knob](const std::string& what) { return what.starts_with("write " + knob); }),
      1);
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

}  // namespace
}  // namespace kvmrt::partition
