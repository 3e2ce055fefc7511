// SPDX-License-Identifier: MIT
// The audit of docs/host-changes.md, knob by knob: announced with old, new and reason, in the
// ledger before it is written, read back, given back.
#include <algorithm>
#include <gtest/gtest.h>

#include "base/file.h"
#include "partition/state.h"
#include "tests/partition/keeper_fixture.h"

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

}  // namespace
}  // namespace kvmrt::partition
