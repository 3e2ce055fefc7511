// SPDX-License-Identifier: MIT
#include "tests/golden/command_line_cases.h"

namespace kvmrt::golden {

void add_disk_cases(std::vector<Case>& cases, const std::string& dir) {
  const std::string raw = dir + "/a.raw";
  cases.push_back(make_case(dir, "disk-virtio-iothread", [&](Case& one) {
    one.profile.iothreads = {{.name = "io0", .cpuset = {}, .scheduling = {}}};
    one.profile.disks = {{.path = dir + "/a.qcow2", .iothread = "io0", .discard = true}};
  }));
  cases.push_back(make_case(dir, "disk-backing-chain", [&](Case& one) {
    one.profile.disks = {{.path = dir + "/a.qcow2", .discard = true}, {.path = raw}};
    one.around.backing[dir + "/a.qcow2"] = {{.path = dir + "/b.qcow2", .format = "qcow2"},
                                            {.path = dir + "/b.raw", .format = "raw"}};
  }));
  cases.push_back(make_case(dir, "disk-caches", [&](Case& one) {
    int i = 0;
    for (const char* const cache : {"none", "writeback", "writethrough", "directsync", "unsafe"})
      one.profile.disks.push_back(
          {.path = dir + "/" + static_cast<char>('a' + i++) + ".raw", .cache = cache});
  }));
  cases.push_back(make_case(dir, "disk-scsi", [&](Case& one) {
    one.profile.iothreads = {{.name = "io0", .cpuset = {}, .scheduling = {}}};
    one.profile.disks = {{.path = raw, .bus = "scsi", .iothread = "io0"},
                         {.path = dir + "/b.raw", .bus = "scsi", .aio = "threads"},
                         {.path = dir + "/c.raw", .media = "cdrom", .bus = "scsi"}};
  }));
  cases.push_back(make_case(dir, "disk-nvme", [&](Case& one) {
    one.profile.disks = {{.path = raw, .bus = "nvme"},
                         {.path = dir + "/b.raw", .bus = "nvme", .serial = "S-1,2"}};
  }));
  cases.push_back(make_case(dir, "disk-sata", [&](Case& one) {
    for (char name = 'a'; name < 'h'; ++name)
      one.profile.disks.push_back({.path = dir + "/" + name + ".raw", .bus = "sata"});
  }));
  cases.push_back(make_case(dir, "disk-pc", [&](Case& one) {
    one.profile.qemu.machine = "pc";
    one.profile.disks = {{.path = raw, .bus = "ide"},
                         {.path = dir + "/b.raw", .media = "cdrom", .bus = "ide"},
                         {.path = dir + "/c.raw", .bus = "ide"},
                         {.path = dir + "/d.raw", .bus = "sata"}};
  }));
  cases.push_back(make_case(dir, "disk-cdrom-empty", [&](Case& one) {
    one.profile.disks = {{.path = {}, .media = "cdrom"}};
  }));
  cases.push_back(make_case(dir, "disk-readonly-errors", [&](Case& one) {
    one.profile.disks = {{.path = raw, .aio = "io_uring", .readonly = true, .on_error = "report"},
                         {.path = dir + "/b.raw", .on_error = "enospc"},
                         {.path = dir + "/c,d.raw", .on_error = "ignore", .serial = "x"}};
  }));
}

void add_network_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(make_case(dir, "network-user", [](Case& one) {
    one.profile.networks = {
        {.type = "user", .forward = {"12222:22", "udp:15353:53", "127.0.0.1:18080:80"}},
        {.type = "user", .model = "e1000e", .mac = "52:54:00:12:34:56"}};
  }));
  cases.push_back(make_case(dir, "network-tap", [](Case& one) {
    one.profile.networks = {{.type = "tap", .bridge = "br0"}};
    one.needs = Needs::tap;
  }));
  cases.push_back(make_case(dir, "network-tap-vhost-queues", [](Case& one) {
    one.profile.networks = {{.type = "tap", .bridge = "br0", .vhost = true, .queues = 2}};
    one.needs = Needs::vhost_net;
  }));
  cases.push_back(make_case(dir, "network-macvtap", [](Case& one) {
    one.profile.networks = {{.type = "macvtap", .device = "eth0"}};
    one.needs = Needs::peer;
  }));
  for (const launcher::QemuVersion version : {launcher::QemuVersion{7, 2}, {10, 0}}) {
    cases.push_back(
        make_case(dir, "network-vhost-user-" + std::to_string(version.major), [&](Case& one) {
          one.profile.networks = {
              {.type = "vhost-user", .socket = dir + "/switch.sock", .queues = 2}};
          one.around.qemu = version;
          one.needs = Needs::peer;
        }));
  }
  cases.push_back(make_case(dir, "network-vhost-user-kvm", [&](Case& one) {
    one.profile.networks = {{.type = "vhost-user", .socket = dir + "/switch.sock", .queues = 2}};
    one.around.accelerator = Accelerator::kvm;
    one.needs = Needs::peer;
  }));
  cases.push_back(make_case(dir, "pci", [](Case& one) {
    one.profile.pci = {"0000:03:00.0", "0000:03:00.1"};
    one.needs = Needs::vfio;
  }));
}

void add_serial_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(make_case(dir, "serial-all", [&](Case& one) {
    one.profile.serial = {{.type = "file", .path = dir + "/my,console.log"},
                          {.type = "pty", .path = {}},
                          {.type = "socket", .path = {}},
                          {.type = "none", .path = {}}};
  }));
  cases.push_back(make_case(
      dir, "serial-none", [](Case& one) { one.profile.serial = {{.type = "none", .path = {}}}; }));
  cases.push_back(make_case(dir, "serial-stdio", [](Case& one) {
    one.profile.serial = {{.type = "stdio", .path = {}}};
  }));
  cases.push_back(make_case(dir, "console", [&](Case& one) {
    one.profile.serial = {{.type = "file", .path = dir + "/console.log"},
                          {.type = "socket", .path = dir + "/second.sock"}};
    one.around.console_on_socket = true;
  }));
}

void add_other_device_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(make_case(dir, "agent", [](Case& one) { one.profile.agent = "on"; }));
  cases.push_back(make_case(dir, "watchdog-and-rng", [](Case& one) {
    one.profile.watchdog = "i6300esb";
    one.profile.rng = true;
  }));
  cases.push_back(
      make_case(dir, "watchdog-chipset", [](Case& one) { one.profile.watchdog = "itco"; }));
  for (const char* const video : {"vga", "qxl", "cirrus", "bochs", "ramfb"})
    cases.push_back(make_case(dir, std::string("video-") + video,
                              [&](Case& one) { one.profile.video = video; }));
  cases.push_back(make_case(dir, "vnc", [](Case& one) {
    one.profile.graphics = {.type = "vnc", .listen = {}};
    one.profile.usb = "xhci";
  }));
  cases.push_back(make_case(dir, "vnc-port", [](Case& one) {
    one.profile.graphics = {.type = "vnc", .listen = "127.0.0.1:25901"};
    one.profile.video = "virtio";
  }));
  cases.push_back(make_case(dir, "spice", [](Case& one) {
    one.profile.graphics = {.type = "spice", .listen = "127.0.0.1:25902"};
    one.profile.video = "qxl";
    one.profile.sound = "hda";
    one.needs = Needs::spice;
  }));
  cases.push_back(make_case(dir, "usb-and-sound", [](Case& one) {
    one.profile.usb = "ehci";
    one.profile.sound = "ac97";
  }));
  cases.push_back(make_case(dir, "shared-memory", [](Case& one) {
    make_rt(one);
    place(one, partition::CpuSet{0}, partition::CpuSet{1}, partition::NodeSet{0});
    one.profile.shared_memory = {{.name = "golden-test", .size = mib(1)}};
  }));
  cases.push_back(make_case(dir, "tpm", [](Case& one) {
    one.profile.tpm = "crb";
    one.needs = Needs::peer;
  }));
}

}  // namespace kvmrt::golden
