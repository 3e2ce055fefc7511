// SPDX-License-Identifier: MIT
#include "partition/ledger.h"

#include <fstream>
#include <gtest/gtest.h>
#include <stdexcept>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

Ledger rich() {
  FakeHost host;
  Ledger ledger;
  ledger.boot_id = "boot-1";
  ledger.pending = true;
  ledger.policy.irqs = {{"eth0", CpuSet{1}}};
  ledger.policy.services = {{"ovs.service", CpuSet{3}, 4}};
  ledger.policy.housekeeping = CpuSet{0, 1};
  ledger.boot_offline = {7};
  ledger.leases = {lease_on(host, "a", 4, 6, 900)};
  ledger.leases[0].qemu = ProcessId{Pid(77), 12345678901ULL};
  ledger.leases[0].tpm = ProcessId{Pid(78), 12345678902ULL};
  ledger.leases[0].request.pin = {{0, CpuId(5)}};
  ledger.leases[0].request.iothreads = {{"io0", CpuSet{4}, {Policy::fifo, 2}}};
  ledger.leases[0].request.guest_nodes = {{{0, 1}, gib(1), NodeSet{1}}};
  ledger.leases[0].request.hugepages = mib(2);
  ledger.knobs["/proc/irq/24/smp_affinity_list"] = {"0-7", "0-3"};
  ledger.masks[300] = {3000, CpuSet::range(0, 7), CpuSet::range(0, 3)};
  ledger.masks[301] = {3010, CpuSet::range(0, 7), CpuSet::range(0, 3)};
  ledger.masks[302] = {3020, CpuSet{1}, CpuSet{1}};
  ledger.outgoing = {CpuSet{0, 2}, CpuSet{1}};
  ledger.policies[55] = {550, {Policy::other, 0}, {Policy::fifo, 3}};
  ledger.pages["a"]["/sys/x/nr_hugepages"] = 12;
  return ledger;
}

TEST(Ledger, ReadsBackAsItWasWritten) {
  const Ledger ledger = rich();
  const Ledger again = ledger_of_json(to_json(ledger));
  EXPECT_EQ(again.boot_id, ledger.boot_id);
  EXPECT_EQ(again.pending, ledger.pending);
  EXPECT_EQ(again.boot_offline, ledger.boot_offline);
  EXPECT_EQ(again.leases, ledger.leases);
  EXPECT_EQ(again.knobs, ledger.knobs);
  EXPECT_EQ(again.masks, ledger.masks);
  EXPECT_EQ(again.outgoing, ledger.outgoing);
  EXPECT_EQ(again.policies, ledger.policies);
  EXPECT_EQ(again.pages, ledger.pages);
  EXPECT_EQ(again.policy.irqs, ledger.policy.irqs);
  EXPECT_EQ(again.policy.housekeeping, ledger.policy.housekeeping);
  EXPECT_EQ(again.policy.services, ledger.policy.services);
}

TEST(Ledger, RefusesEveryTruncationOfItself) {
  const std::string text = to_json(rich());
  for (std::size_t length = 0; length + 2 < text.size(); ++length)
    EXPECT_THROW((void)ledger_of_json(text.substr(0, length)), std::runtime_error) << length;
}

class DamagedLedger : public testing::TestWithParam<const char*> {};

TEST_P(DamagedLedger, IsRefusedWithTheWayOutAndNothingIsTouched) {
  const RunDir run;
  std::ofstream(run.path() / "ledger.json") << GetParam();
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  Keeper keeper(host, run.path());
  try {
    (void)keeper.acquire({lease}, HostPolicy{});
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find("ledger.json"), std::string::npos);
    EXPECT_NE(error.hint().find("kvmrt recover --forget"), std::string::npos);
  }
  EXPECT_THROW(keeper.recover(), SystemError);
  EXPECT_EQ(host->effects, 0);
  EXPECT_TRUE(run.has_ledger()) << "originals are never lost in silence";
  EXPECT_EQ(keeper.forget_damaged_ledger(), (run.path() / "ledger.json.damaged").string());
  EXPECT_TRUE(keeper.acquire({lease}, HostPolicy{}));
}

INSTANTIATE_TEST_SUITE_P(Garbage, DamagedLedger,
                         testing::Values("", "{", "[]", "null", "\x7f\xff", "{\"format\": 2}",
                                         "{\"format\": 1, \"boot_id\": 7}"));

}  // namespace
}  // namespace kvmrt::partition
