// SPDX-License-Identifier: MIT
#include "profiles/import_libvirt.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/file.h"
#include "profiles/load.h"
#include "profiles/show.h"
#include "tests/paths.h"

namespace kvmrt::profiles {
namespace {

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

Imported from_file(const std::string& name) {
  const std::string path = KVMRT_SOURCE_DIR "/tests/profiles/libvirt/" + name;
  return import_libvirt(read_file(path), path);
}

Profile profile_of(const Imported& imported) {
  const std::string text = to_yaml(imported.document);
  const auto loaded = load_text(text, "imported.yaml");
  if (!loaded) {
    ADD_FAILURE() << told(imported.problems) << told(loaded.problems()) << text;
    return {};
  }
  return loaded->front();
}

std::vector<std::string> paths(const Imported& imported) {
  std::vector<std::string> all;
  for (const NotCarried& left : imported.not_carried) all.push_back(left.path);
  return all;
}

/// A domain of one vCPU with these elements, and these devices.
Imported domain(const std::string& elements, const std::string& devices = "") {
  return import_libvirt(
      "<domain type='kvm'><name>vm</name><memory>1048576</memory>"
      "<os><type>hvm</type></os>" +
          elements + "<devices><memballoon model='none'/>" + devices + "</devices></domain>",
      "vm.xml");
}

TEST(ARealtimeDomain, BecomesARealtimeProfile) {
  const Profile vm = profile_of(from_file("realtime.xml"));
  EXPECT_EQ(vm.name, "line3");
  EXPECT_EQ(vm.uuid, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
  EXPECT_EQ(vm.title, "Line 3 controller");
  EXPECT_EQ(vm.nr_vcpus, 2);
  EXPECT_TRUE(vm.rt);
  EXPECT_TRUE(vm.rt_memory);
  EXPECT_EQ(vm.cpuset.set, CpuSet::range(4, 6));
  EXPECT_TRUE(vm.realtime.pin.empty());
  EXPECT_EQ(vm.realtime.scheduling, (Scheduling{partition::Policy::fifo, 1}));
  EXPECT_EQ(vm.realtime.emulator.where, partition::EmulatorRequest::Where::rule);
  EXPECT_EQ(vm.realtime.emulator.scheduling, (Scheduling{partition::Policy::fifo, 3}));
  EXPECT_EQ(vm.numatune.set, NodeSet{0});
  EXPECT_EQ(vm.memory.size, gib(2));
  EXPECT_EQ(vm.memory.hugepages, gib(1));
  EXPECT_EQ(vm.cache.l3, "3MiB");
  EXPECT_EQ(vm.cache.mba, "50%");
  EXPECT_EQ(vm.qemu.machine, "q35");
  EXPECT_EQ(vm.qemu.binary, "qemu-system-x86_64");
  EXPECT_EQ(vm.qemu.cpu,
            "host,migratable=off,+tsc-deadline,-svm,host-cache-info=on,pmu=off,"
            "kvm-hint-dedicated=on");
  EXPECT_EQ(vm.clock.timers.at("hpet"), "off");
  EXPECT_EQ(vm.lifecycle.on_crash, Lifecycle::Action::pause);
  EXPECT_EQ(vm.lifecycle.on_watchdog, Lifecycle::Action::end);
  EXPECT_EQ(vm.watchdog, "i6300esb");
  EXPECT_TRUE(vm.rng);
}

TEST(ARealtimeDomain, KeepsItsDevices) {
  const Profile vm = profile_of(from_file("realtime.xml"));
  ASSERT_EQ(vm.iothreads.size(), 1U);
  EXPECT_EQ(vm.iothreads[0].name, "io1");
  EXPECT_EQ(vm.iothreads[0].cpuset, CpuSet{4});
  EXPECT_EQ(vm.iothreads[0].scheduling, (Scheduling{partition::Policy::rr, 2}));
  ASSERT_EQ(vm.disks.size(), 1U);
  EXPECT_EQ(vm.disks[0].path, "/var/lib/libvirt/images/line3.qcow2");
  EXPECT_EQ(vm.disks[0].format, "qcow2");
  EXPECT_EQ(vm.disks[0].aio, "native");
  EXPECT_EQ(vm.disks[0].iothread, "io1");
  EXPECT_TRUE(vm.disks[0].discard);
  EXPECT_EQ(vm.disks[0].serial, "LINE3");
  ASSERT_EQ(vm.networks.size(), 1U);
  EXPECT_EQ(vm.networks[0].type, "macvtap");
  EXPECT_EQ(vm.networks[0].device, "eno1");
  EXPECT_EQ(vm.networks[0].queues, 2);
  EXPECT_TRUE(vm.networks[0].vhost);
  EXPECT_EQ(vm.pci, std::vector<std::string>{"0000:03:10.1"});
  ASSERT_EQ(vm.serial.size(), 1U);
  EXPECT_EQ(vm.serial[0].type, "pty");
}

TEST(ARealtimeDomain, TellsEverythingThatItCouldNotCarry) {
  const std::vector<std::string> expected{
      "/domain/memoryBacking/hugepages/page/@nodeset",
      "/domain/cputune/shares",
      "/domain/cputune/cachetune/cache/@id",
      "/domain/cputune/memorytune/node/@id",
      "/domain/resource",
      "/domain/cpu/@check",
      "/domain/clock/timer[1]/@tickpolicy",
      "/domain/clock/timer[2]/@tickpolicy",
      "/domain/devices/disk/driver/@queues",
      "/domain/devices/disk/source/@index",
      "/domain/devices/disk/backingStore",
      "/domain/devices/disk/alias",
      "/domain/devices/disk/address",
      "/domain/devices/controller[2]",
  };
  EXPECT_EQ(paths(from_file("realtime.xml")), expected);
  for (const NotCarried& left : from_file("realtime.xml").not_carried)
    EXPECT_FALSE(left.reason.empty()) << left.path;
}

TEST(AWindowsDomain, KeepsWhatAProfileHolds) {
  const Imported imported = from_file("windows.xml");
  const Profile vm = profile_of(imported);
  EXPECT_EQ(vm.name, "win_11__test_");
  EXPECT_EQ(vm.guest.os, "windows");
  EXPECT_EQ(vm.memory.size, gib(8));
  EXPECT_EQ(vm.topology, (CpuTopology{2, 2, 1}));
  EXPECT_TRUE(vm.hide_kvm);
  EXPECT_EQ(vm.boot.firmware, "uefi");
  EXPECT_EQ(vm.boot.order, (std::vector<std::string>{"cdrom", "disk"}));
  EXPECT_EQ(vm.clock.base, "localtime");
  EXPECT_EQ(vm.clock.timers.at("pit"), "on");
  EXPECT_EQ(vm.qemu.machine, "pc-q35-6.2,smm=on");
  EXPECT_EQ(vm.qemu.cpu,
            "Skylake-Client-IBRS,hv-relaxed=on,hv-vapic=on,hv-spinlocks=8191,hv-time=on");
  ASSERT_EQ(vm.disks.size(), 2U);
  EXPECT_EQ(vm.disks[1].media, "cdrom");
  EXPECT_EQ(vm.disks[1].path, "");
  EXPECT_EQ(vm.networks.at(0).type, "none");
  EXPECT_EQ(vm.usb, "xhci");
  EXPECT_EQ(vm.agent, "on");
  EXPECT_EQ(vm.graphics.type, "spice");
  EXPECT_EQ(vm.video, "qxl");
  EXPECT_EQ(vm.sound, "hda");
  EXPECT_EQ(vm.tpm, "crb");
}

TEST(AWindowsDomain, TellsEverythingThatItCouldNotCarry) {
  const auto left = paths(from_file("windows.xml"));
  for (const char* path :
       {"/domain/currentMemory", "/domain/vcpu/@current", "/domain/os/loader", "/domain/os/nvram",
        "/domain/os/bootmenu", "/domain/cpu/@check", "/domain/cpu/feature",
        "/domain/devices/disk[3]", "/domain/devices/interface/source/@network",
        "/domain/devices/interface/link", "/domain/devices/channel[1]",
        "/domain/devices/graphics/@passwd", "/domain/devices/graphics/image",
        "/domain/devices/audio", "/domain/devices/video/model/@vram", "/domain/devices/redirdev",
        "/domain/devices/memballoon"})
    EXPECT_EQ(std::count(left.begin(), left.end(), path), 1) << path;
}

TEST(ADomainWithItsOwnPins, KeepsThem) {
  const Profile vm = profile_of(from_file("numa.xml"));
  EXPECT_EQ(vm.cpuset.set, (CpuSet{2, 4, 6, 8}));
  EXPECT_EQ(vm.realtime.pin,
            (std::map<int, CpuId>{{0, CpuId(8)}, {1, CpuId(2)}, {2, CpuId(4)}, {3, CpuId(6)}}));
  EXPECT_EQ(vm.realtime.emulator.where, partition::EmulatorRequest::Where::housekeeping);
  EXPECT_EQ(vm.realtime.scheduling, (Scheduling{partition::Policy::rr, 5}));
  EXPECT_EQ(vm.realtime.vcpus, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(vm.numatune.set, NodeSet::range(0, 1));
  ASSERT_EQ(vm.numa.size(), 2U);
  EXPECT_EQ(vm.numa[1].host_nodes, NodeSet{1});
  EXPECT_EQ(vm.numa[1].memory, gib(1));
  EXPECT_EQ(vm.qemu.accel, "tcg");
  EXPECT_EQ(vm.qemu.machine, "pc");
  EXPECT_EQ(vm.qemu.binary, "/opt/qemu/bin/qemu-system-x86_64");
  EXPECT_EQ(vm.qemu.extra_args,
            (std::vector<std::string>{"-device", "isa-debug-exit,iobase=0xf4"}));
  EXPECT_EQ(vm.boot.cmdline, "console=ttyS0 isolcpus=1-3 title=\"a & b\"");
  ASSERT_EQ(vm.networks.size(), 3U);
  EXPECT_EQ(vm.networks[0].type, "vhost-user");
  EXPECT_EQ(vm.networks[0].socket, "/run/vswitch/port0");
  EXPECT_EQ(vm.networks[1].bridge, "br0");
  EXPECT_TRUE(vm.networks[1].vhost);
  EXPECT_EQ(vm.networks[2].type, "user");
  EXPECT_EQ(vm.serial.at(0).path, "/var/log/numa.log");
  EXPECT_EQ(vm.graphics.listen, "0.0.0.0:5901");
  EXPECT_EQ(vm.shared_memory.at(0).size, mib(4));
}

TEST(ADomainWithItsOwnPins, TellsEverythingThatItCouldNotCarry) {
  const auto left = paths(from_file("numa.xml"));
  for (const char* path : {"/domain/numatune/memory/@mode", "/domain/devices/serial[2]",
                           "/domain/qemu:commandline/qemu:env"})
    EXPECT_EQ(std::count(left.begin(), left.end(), path), 1) << path;
  EXPECT_EQ(left.size(), 3U) << testing::PrintToString(left);
}

TEST(AMinimalDomain, CarriesEverything) {
  const Imported imported = domain("");
  EXPECT_TRUE(imported.ok());
  EXPECT_TRUE(imported.not_carried.empty()) << testing::PrintToString(paths(imported));
  EXPECT_EQ(profile_of(imported).memory.size, gib(1));
}

TEST(AnUnknownElement, IsToldByItsPath) {
  EXPECT_EQ(paths(domain("<launchSecurity type='sev'><cbitpos>47</cbitpos></launchSecurity>",
                         "<quux a='1'/><quux a='2'/>")),
            (std::vector<std::string>{"/domain/launchSecurity", "/domain/devices/quux[1]",
                                      "/domain/devices/quux[2]"}));
}

TEST(MultiCpuPins, AreApproximatedAloud) {
  const Imported imported = domain(
      "<vcpu>2</vcpu><cputune><vcpupin vcpu='0' cpuset='1-2'/>"
      "<vcpupin vcpu='1' cpuset='3-4'/></cputune>");
  ASSERT_EQ(imported.problems.size(), 1U) << told(imported.problems);
  EXPECT_EQ(imported.problems[0].code, "imported-approximated");
  EXPECT_EQ(profile_of(imported).cpuset.set, CpuSet::range(1, 4));
}

TEST(AnIothreadOutsideTheVcpusCpus, RunsWithTheEmulator) {
  const Imported imported = domain(
      "<iothreads>1</iothreads><cputune><vcpupin vcpu='0' cpuset='4'/><emulatorpin cpuset='2-3'/>"
      "<iothreadpin iothread='1' cpuset='3'/></cputune>");
  const Profile vm = profile_of(imported);
  ASSERT_EQ(vm.iothreads.size(), 1U);
  EXPECT_FALSE(vm.iothreads[0].cpuset);
  EXPECT_NE(told(imported.problems).find("io1 was pinned to 3"), std::string::npos);
}

TEST(ADomainWithEverything, LoadsAndTellsTheRest) {
  const Imported imported = from_file("everything.xml");
  const Profile vm = profile_of(imported);
  EXPECT_EQ(vm.disks.size(), 3U);
  EXPECT_EQ(vm.networks.size(), 5U);
  EXPECT_EQ(vm.pci, (std::vector<std::string>{"0000:03:10.2", "0000:06:00.0"}));
  EXPECT_EQ(imported.not_carried.size(), 37U);
}

TEST(AVcpuCpuset, BecomesTheCpuset) {
  EXPECT_EQ(profile_of(domain("<vcpu cpuset='1-4,^2'>1</vcpu>")).cpuset.set, (CpuSet{1, 3, 4}));
}

TEST(ARealtimeDomainWithoutPins, GetsItsCpusFromThePlanner) {
  const Imported imported =
      domain("<cputune><vcpusched vcpus='0' scheduler='fifo' priority='2'/></cputune>");
  EXPECT_TRUE(profile_of(imported).cpuset.is_auto());
}

struct Bad {
  const char* what;
  std::string xml;
  const char* code;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.what; }

class HostileXml : public testing::TestWithParam<Bad> {};

TEST_P(HostileXml, IsAnError) {
  const Imported imported = import_libvirt(GetParam().xml, "bad.xml");
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.problems[0].code, GetParam().code) << told(imported.problems);
  EXPECT_EQ(imported.problems[0].place.file, "bad.xml");
}

std::string nested(std::size_t depth) {
  std::string text = "<domain type='kvm'>";
  for (std::size_t i = 0; i < depth; ++i) text += "<a>";
  for (std::size_t i = 0; i < depth; ++i) text += "</a>";
  return text + "</domain>";
}

INSTANTIATE_TEST_SUITE_P(
    OfAllKinds, HostileXml,
    testing::Values(
        Bad{"empty", "", "xml-syntax"}, Bad{"no xml", "name: a", "xml-syntax"},
        Bad{"unclosed", "<domain><name>a</domain>", "xml-syntax"},
        Bad{"entities",
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>"
            "<domain type='kvm'><name>&lol2;</name></domain>",
            "xml-doctype"},
        Bad{"external entity", "<!DOCTYPE a SYSTEM \"file:///etc/shadow\"><domain type='kvm'/>",
            "xml-doctype"},
        Bad{"100 MB", "<domain>" + std::string(std::size_t{100} << 20U, ' ') + "</domain>",
            "too-large"},
        Bad{"utf-16", std::string("\xff\xfe<\0d\0", 6), "bad-encoding"},
        Bad{"latin1", "<domain><name>caf\xe9</name></domain>", "bad-encoding"},
        Bad{"declared", "<?xml version='1.0' encoding='ISO-8859-1'?><domain/>", "bad-encoding"},
        Bad{"nul", std::string("<domain>\0</domain>", 18), "bad-encoding"},
        Bad{"deep", nested(1000), "too-deep"}, Bad{"very deep", nested(300'000), "too-deep"},
        Bad{"network", "<network><name>default</name></network>", "not-a-domain"},
        Bad{"lxc",
            "<domain type='lxc'><name>a</name><memory>1048576</memory>"
            "<os><type>exe</type></os></domain>",
            "unsupported-domain"},
        Bad{"arm",
            "<domain type='kvm'><name>a</name><memory>1048576</memory>"
            "<os><type arch='aarch64'>hvm</type></os></domain>",
            "unsupported-domain"},
        Bad{"no name",
            "<domain type='kvm'><memory>1048576</memory><os><type>hvm</type></os></domain>",
            "missing-key"},
        Bad{"memory",
            "<domain type='kvm'><name>a</name><memory unit='parsec'>1</memory>"
            "<os><type>hvm</type></os></domain>",
            "wrong-type"},
        Bad{"vcpus",
            "<domain type='kvm'><name>a</name><memory>1048576</memory><vcpu>-1</vcpu>"
            "<os><type>hvm</type></os></domain>",
            "out-of-range"}));

}  // namespace
}  // namespace kvmrt::profiles
