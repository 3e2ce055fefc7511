// SPDX-License-Identifier: MIT
#include "launcher/devices_check.h"

#include <gtest/gtest.h>

#include "launcher/devices_disk.h"

namespace kvmrt::launcher {
namespace {

using profiles::Disk;
using profiles::Network;
using profiles::Profile;

Disk disk(const std::string& bus) {
  Disk made;
  made.path = "/x.img";
  made.bus = bus;
  return made;
}

Network network(const std::string& type, const std::string& model = "virtio") {
  Network made;
  made.type = type;
  made.model = model;
  return made;
}

/// "code key" of the only problem; all of them joined when there are more, "" for none.
std::string found(const Profile& profile) {
  std::string text;
  for (const Problem& problem : check_devices(profile)) {
    EXPECT_EQ(problem.severity, Severity::error);
    text += (text.empty() ? "" : "; ") + problem.code + " " + problem.key;
  }
  return text;
}

std::string found(const Disk& one) {
  Profile profile;
  profile.disks = {disk("virtio"), one};
  return found(profile);
}

std::string found(const Network& one) {
  Profile profile;
  profile.networks = {one};
  return found(profile);
}

TEST(DeviceCheck, FindsNothingWrongWithDefaults) {
  EXPECT_EQ(found(Profile{}), "");
  for (const char* const bus : {"virtio", "scsi", "nvme", "sata", "ide"})
    EXPECT_EQ(found(disk(bus)), "") << bus;
  for (const char* const type : {"user", "tap", "macvtap", "vhost-user", "none"})
    EXPECT_EQ(found(network(type)), "") << type;
}

TEST(DeviceCheck, KnowsWhatABusCannotDo) {
  Disk one = disk("nvme");
  one.on_error = "stop";
  EXPECT_EQ(found(one), "disk-bus disks[1].on_error");
  one = disk("nvme");
  one.media = "cdrom";
  EXPECT_EQ(found(one), "disk-bus disks[1].bus");
  one = disk("sata");
  one.readonly = true;
  EXPECT_EQ(found(one), "disk-bus disks[1].readonly");
  one.media = "cdrom";
  EXPECT_EQ(found(one), "");
  one = disk("virtio");
  one.media = "cdrom";
  one.iothread = "io0";
  EXPECT_EQ(found(one), "disk-bus disks[1].iothread");
}

TEST(DeviceCheck, CountsIdeUnitsWhereTheyAreFew) {
  Profile profile;
  for (int i = 0; i < 5; ++i) profile.disks.push_back(disk("ide"));
  EXPECT_EQ(found(profile), "");
  profile.qemu.machine = "pc";
  EXPECT_EQ(found(profile), "disk-bus disks[4].bus");
}

TEST(DeviceCheck, KnowsWhereVhostAndQueuesAreImpossible) {
  Network one = network("user");
  one.vhost = true;
  EXPECT_EQ(found(one), "network-vhost networks[0].vhost");
  one = network("tap", "e1000e");
  one.vhost = true;
  EXPECT_EQ(found(one), "network-vhost networks[0].vhost");
  one = network("user");
  one.queues = 2;
  EXPECT_EQ(found(one), "network-queues networks[0].queues");
  EXPECT_EQ(found(network("vhost-user", "e1000")), "network-model networks[0].model");
  one = network("tap");
  one.vhost = true;
  one.queues = 4;
  EXPECT_EQ(found(one), "");
}

TEST(DeviceCheck, LimitsSerialPortsToThoseOfAPc) {
  Profile profile;
  profile.serial.resize(4);
  EXPECT_EQ(found(profile), "");
  profile.serial.resize(5);
  EXPECT_EQ(found(profile), "serial-ports serial");
  profile.serial.resize(2);
  profile.serial[1].type = "stdio";
  EXPECT_EQ(found(profile), "serial-ports serial[1].type");
}

TEST(DeviceCheck, WantsSharedMemoryInPowersOfTwo) {
  Profile profile;
  profile.shared_memory = {{"a", mib(16)}, {"b", mib(3)}, {"c", Bytes(0)}};
  EXPECT_EQ(found(profile),
            "shared-memory-size shared_memory[1].size; shared-memory-size shared_memory[2].size");
}

TEST(DiskDefaults, FollowTheCacheModeAndTheName) {
  Disk one = disk("virtio");
  EXPECT_EQ(image_aio(one), "native");
  one.cache = "writeback";
  EXPECT_EQ(image_aio(one), "threads");
  EXPECT_TRUE(cache_writeback(one));
  one.cache = "directsync";
  EXPECT_TRUE(cache_direct(one));
  EXPECT_FALSE(cache_writeback(one));
  EXPECT_EQ(image_format(one), "raw");
  one.path = "/x.qcow2";
  EXPECT_EQ(image_format(one), "qcow2");
  one.format = "raw";
  EXPECT_EQ(image_format(one), "raw");
}

}  // namespace
}  // namespace kvmrt::launcher
