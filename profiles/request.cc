// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>

#include "profiles/profile.h"

namespace kvmrt::profiles {
namespace {

std::vector<int> realtime_vcpus(const Profile& profile) {
  if (profile.realtime.vcpus) return *profile.realtime.vcpus;
  std::vector<int> all(static_cast<std::size_t>(profile.most_vcpus()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

void tell_what_warnings_look_at(const Profile& profile, partition::VmRequest& request) {
  request.emulated_graphics = profile.graphics.type != "none" || !profile.video.empty();
  request.vnc = profile.graphics.type == "vnc";
  request.sound = !profile.sound.empty();
  request.user_network = std::any_of(profile.networks.begin(), profile.networks.end(),
                                     [](const Network& n) { return n.type == "user"; });
  request.disk_without_iothread =
      std::any_of(profile.disks.begin(), profile.disks.end(),
                  [](const Disk& disk) { return disk.media == "disk" && disk.iothread.empty(); });
  request.guest_os = profile.guest.os;
  request.guest_realtime = profile.guest.realtime;
  request.guest_sockets = profile.topology.sockets;
  request.guest_cmdline = profile.boot.cmdline;
  request.guest_cmdline_known = !profile.boot.kernel.empty();
}

}  // namespace

partition::VmRequest request_of(const Profile& profile, bool kvm) {
  partition::VmRequest request;
  request.name = profile.name;
  request.uuid = profile.uuid;
  request.nr_vcpus = profile.most_vcpus();
  request.cpuset = profile.cpuset;
  request.numatune = profile.numatune;
  request.rt = profile.rt;
  request.rt_memory = profile.rt_memory;
  request.realtime = profile.realtime.scheduling;
  request.rt_vcpus = realtime_vcpus(profile);
  request.pin = profile.realtime.pin;
  request.emulator = profile.realtime.emulator;
  for (const Iothread& thread : profile.iothreads)
    request.iothreads.push_back({thread.name, thread.cpuset, thread.scheduling});
  request.memory = profile.memory.size;
  request.hugepages = profile.memory.hugepages;
  for (const GuestNode& node : profile.numa)
    request.guest_nodes.push_back({node.vcpus, node.memory, node.host_nodes});
  request.pci = profile.pci;
  request.cache = profile.cache;
  request.hide_kvm = profile.hide_kvm;
  request.kvm = kvm;
  request.autostart = profile.autostart;
  tell_what_warnings_look_at(profile, request);
  return request;
}

}  // namespace kvmrt::profiles
