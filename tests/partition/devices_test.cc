// SPDX-License-Identifier: MIT
// A VM's interfaces and passed-through devices: made and bound for its lease, as they were after
// it.
#include <gtest/gtest.h>

#include "partition/device_wish.h"
#include "partition/drivers.h"
#include "partition/keeper.h"
#include "partition/links.h"
#include "partition/state.h"
#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

constexpr const char* kCard = "0000:03:00.0";
const std::string kNets = "/sys/class/net/";
const std::string kPci = "/sys/bus/pci/";

const LinkRequest kTap{LinkRequest::Kind::tap, "vm-net0", "br0", "fe:54:00:00:00:01", false};
const LinkRequest kMacvtap{LinkRequest::Kind::macvtap, "vm-net1", "eth0", "52:54:00:00:00:02",
                           false};

/// A busy host with interfaces, drivers and modules, each of which is an effect like any other.
class DeviceHost : public FakeHost {
 public:
  DeviceHost() {
    const auto busy = busy_host();
    files = busy->files;
    all = busy->all;
    managed_irqs = busy->managed_irqs;
    files["/effect"] = "";
    files["/sys/module/vfio_pci/refcnt"] = "0\n";
    for (const char* name : {"br0", "eth0"}) files[kNets + name + "/flags"] = "0x1003\n";
    add_device(kCard, "igb");
  }

  void add_device(const std::string& address, const std::string& driver) {
    files[kPci + "devices/" + address + "/driver_override"] = "(null)\n";
    show_driver(address, driver);
  }

  int write(const std::string& path, const std::string& text) override {
    const bool device = path.starts_with(kPci) || is_link_knob(path) || is_module_knob(path);
    if (!device) return FakeHost::write(path, text);
    if (const int error = FakeHost::write("/effect", text)) return error;
    files["/effect"] = "";
    if (is_module_knob(path)) files["/sys/module/" + path.substr(7) + "/refcnt"] = "0\n";
    if (is_module_knob(path)) return 0;
    return is_link_knob(path) ? write_link(path, text) : write_driver(path, text);
  }

  void remove_link(const std::string& name) {
    std::erase_if(files,
                  [&](const auto& file) { return file.first.starts_with(kNets + name + "/"); });
  }

 private:
  void show_driver(const std::string& address, const std::string& driver) {
    files[kPci + "devices/" + address + "/uevent"] =
        (driver.empty() ? "" : "DRIVER=" + driver + "\n") + std::string("PCI_CLASS=20000\n");
  }

  int write_link(const std::string& knob, const std::string& text) {
    const std::string name = knob.substr(4);
    if (text.empty()) {
      remove_link(name);
      return 0;
    }
    const LinkRequest link = *link_of(knob, text);
    if (!files.contains(kNets + link.over + "/flags")) return ENODEV;
    const std::string folder = kNets + name;
    files[folder + "/flags"] = "0x1003\n";
    files[folder + "/address"] = link.mac + "\n";
    if (link.kind == LinkRequest::Kind::macvtap) {
      files[folder + "/lower_" + link.over + "/ifindex"] = "3\n";
    } else {
      files[folder + "/tun_flags"] = link.many_queues ? "0x5102\n" : "0x5002\n";
      files[folder + "/master/uevent"] = "INTERFACE=" + link.over + "\nIFINDEX=3\n";
    }
    return 0;
  }

  /// vfio-pci takes only a device with the override, any other driver only one without.
  int write_driver(const std::string& path, const std::string& text) {
    if (path.ends_with("/driver_override")) {
      files[path] = text.empty() ? "(null)\n" : text;
      return 0;
    }
    const std::string driver = path.substr(kPci.size() + 8, path.rfind('/') - kPci.size() - 8);
    const bool bound = value_of(text) != kNoDriver;
    if (path.ends_with("/unbind")) {
      if (!bound) return ENODEV;
      show_driver(text, "");
      return 0;
    }
    const bool overridden = files[kPci + "devices/" + text + "/driver_override"] == "vfio-pci";
    if (bound || overridden != (driver == "vfio-pci")) return ENODEV;
    show_driver(text, driver);
    return 0;
  }

  std::string value_of(const std::string& address) {
    return read_knob(*this, driver_knob(address)).value_or("absent");
  }
};

/// Of a VM that owns no CPU.
Lease lease_with_devices(FakeHost& host, const std::string& vm = "vm", int supervisor = 500) {
  Lease lease = lease_on(host, vm, 4, 6, supervisor);
  lease.plan = {};
  lease.plan.name = vm;
  lease.request.rt = false;
  lease.request.pci = {kCard, device_wish(module_knob("vfio_pci"), kLoaded)};
  for (const LinkRequest& link : {kTap, kMacvtap})
    lease.request.pci.push_back(device_wish(link_knob(link.name), to_text(link)));
  return lease;
}

std::string value(FakeHost& host, const std::string& knob) {
  return read_knob(host, knob).value_or("absent");
}

TEST(Devices, AreBoundToVfioForTheLeaseAndBackToTheirDriverAfterIt) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  const Lease lease = lease_with_devices(*host);
  const FakeImage before = host->image();
  ASSERT_TRUE(keeper.acquire({lease}, {}).ok());
  EXPECT_EQ(value(*host, driver_knob(kCard)), "vfio-pci");
  EXPECT_EQ(value(*host, override_knob(kCard)), "vfio-pci");
  EXPECT_TRUE(keeper.release("vm").left.empty());
  EXPECT_EQ(host->difference(before), "");
}

TEST(Devices, OfNoDriverAreLeftWithoutOne) {
  const auto host = std::make_shared<DeviceHost>();
  host->add_device("0000:04:00.0", "");
  const RunDir run;
  Keeper keeper(host, run.path());
  Lease lease = lease_with_devices(*host);
  lease.request.pci = {"0000:04:00.0"};
  const FakeImage before = host->image();
  ASSERT_TRUE(keeper.acquire({lease}, {}).ok());
  EXPECT_EQ(value(*host, driver_knob("0000:04:00.0")), "vfio-pci");
  keeper.release("vm");
  EXPECT_EQ(host->difference(before), "");
}

TEST(Devices, HaveTheirInterruptsOnTheEmulatorsCpuAlsoWhenTheyComeUpLater) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  Lease lease = lease_on(*host, "vm", 4, 6, 500);
  lease.request.pci = {kCard};
  ASSERT_TRUE(keeper.acquire({lease}, {}).ok());
  host->add_irq(40, "vfio-msix[0](0000:03:00.0)", "0-3");
  host->files["/sys/bus/pci/devices/0000:03:00.0/msi_irqs/40"] = "msix\n";
  keeper.repair();
  EXPECT_EQ(value(*host, irq_knob(40)), "4");
}

TEST(Devices, NeedTheirModuleWhichStays) {
  const auto host = std::make_shared<DeviceHost>();
  host->files.erase("/sys/module/vfio_pci/refcnt");
  const RunDir run;
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_with_devices(*host)}, {}).ok());
  EXPECT_EQ(value(*host, module_knob("vfio_pci")), kLoaded);
  EXPECT_TRUE(keeper.release("vm").left.empty());
  EXPECT_EQ(value(*host, module_knob("vfio_pci")), kLoaded);
  EXPECT_TRUE(keeper.leases().empty());
}

TEST(Devices, ThatAnotherVmHasAreRefused) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_with_devices(*host)}, {}).ok());
  Lease other = lease_with_devices(*host, "other", 600);
  other.request.pci.resize(2);  // no interfaces
  const auto taken = keeper.acquire({other}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.problems().front().code, "pci-device-in-use");
}

TEST(Links, AreMadeForTheLeaseAndGoWithIt) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  const Lease lease = lease_with_devices(*host);
  const FakeImage before = host->image();
  ASSERT_TRUE(keeper.acquire({lease}, {}).ok());
  EXPECT_EQ(value(*host, "net:vm-net0"), "tap on br0 as fe:54:00:00:00:01");
  EXPECT_EQ(value(*host, "net:vm-net1"), "macvtap on eth0 as 52:54:00:00:00:02");
  EXPECT_TRUE(keeper.drift().changes.empty());
  keeper.release("vm");
  EXPECT_EQ(host->difference(before), "");
}

TEST(Links, OfTheSameNameThatAreNotOursAreNotTouched) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  host->files["/sys/class/net/vm-net0/flags"] = "0x1003\n";
  const Lease lease = lease_with_devices(*host);
  const FakeImage before = host->image();
  const auto taken = keeper.acquire({lease}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.problems().front().code, "link-exists");
  EXPECT_EQ(host->difference(before), "");
}

TEST(Links, ThatSomeoneTakesDownComeUpAgainAndThoseRemovedAreTold) {
  const auto host = std::make_shared<DeviceHost>();
  const RunDir run;
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_with_devices(*host)}, {}).ok());
  host->add_task(700, "qemu", CpuSet::range(0, 7), 500);
  keeper.mark_qemu("vm", {Pid(700), host->all.at(700).start_time});
  host->files["/sys/class/net/vm-net0/flags"] = "0x1002\n";
  EXPECT_EQ(keeper.drift().changes.size(), 1U);
  keeper.repair();
  EXPECT_EQ(value(*host, "net:vm-net0"), "tap on br0 as fe:54:00:00:00:01");
  host->remove_link("vm-net1");
  const auto repaired = keeper.repair();
  ASSERT_EQ(repaired.problems.size(), 1U);
  EXPECT_EQ(repaired.problems.front().code, "link-lost");
  EXPECT_EQ(value(*host, "net:vm-net1"), "absent");  // a new one would not be QEMU's
  host->all.erase(700);
  EXPECT_TRUE(keeper.release("vm").left.empty());
}

TEST(Links, WithoutTheirBridgeFailTheAcquireByName) {
  const auto host = std::make_shared<DeviceHost>();
  host->files.erase("/sys/class/net/br0/flags");
  const RunDir run;
  Keeper keeper(host, run.path());
  const Lease lease = lease_with_devices(*host);
  const FakeImage before = host->image();
  try {
    keeper.acquire({lease}, {});
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find("vm-net0 (tap on br0"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(host->difference(before), "");
}

/// Each effect fails once, and the keeper dies at each once: afterwards all is as it was.
TEST(Devices, AreGivenBackWhateverFailsAndWhereverTheSupervisorDies) {
  int effects = 1;
  // The first round, in which nothing happens, counts them.
  for (int at = -1; at < effects; ++at) {
    for (const bool dies : {false, true}) {
      const auto host = std::make_shared<DeviceHost>();
      const RunDir run;
      Keeper keeper(host, run.path());
      const Lease lease = lease_with_devices(*host);
      const FakeImage before = host->image();
      (dies ? host->die_at : host->fail_at) = at;
      try {
        if (keeper.acquire({lease}, {}).ok()) keeper.release("vm");
      } catch (const SystemError&) {
      } catch (const KillPoint&) {
        host->all.erase(500);
      }
      effects = std::max(effects, host->effects);
      host->die_at = host->fail_at = -1;
      host->all.erase(500);
      Keeper(host, run.path()).recover();
      EXPECT_EQ(host->difference(before), "") << (dies ? "died" : "failed") << " at " << at;
    }
  }
  EXPECT_GT(effects, 8);
}

}  // namespace
}  // namespace kvmrt::partition
