// SPDX-License-Identifier: MIT
// A VM as its profile describes it: every key of the key table with its default filled in. A pure
// value; profiles/load.h makes it from YAML, launcher/command_line.h turns it into QEMU's argv,
// request_of() into what the planner sees.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/problem.h"
#include "partition/cpuset.h"
#include "partition/request.h"

namespace kvmrt::profiles {

using partition::Choice;
using partition::CpuSet;
using partition::NodeSet;
using partition::Scheduling;
using std::chrono::seconds;

struct CpuTopology {  ///< QEMU's -smp; sockets is its word for packages
  int sockets = 1;
  int cores = 1;
  int threads = 1;
  friend bool operator==(const CpuTopology&, const CpuTopology&) = default;
};

struct Memory {
  Bytes size = gib(1);
  std::optional<Bytes> hugepages;  ///< page size: 2 MiB or 1 GiB
};

struct GuestNode {
  std::vector<int> vcpus;
  Bytes memory;
  NodeSet host_nodes;
};

enum class Promote { before_start, after_boot };

struct Realtime {
  Scheduling scheduling{partition::Policy::fifo, 1};
  std::optional<std::vector<int>> vcpus;  ///< nothing: all
  std::map<int, CpuId> pin;
  partition::EmulatorRequest emulator;
  Promote promote = Promote::before_start;
  std::optional<seconds> promote_after_time;  ///< promote_after: 20s
  std::string promote_after_text;             ///< promote_after: a line on the serial console
};

struct Latency {
  int budget_us = 0;  ///< 0: none
  seconds preflight{0};
};

struct Guest {
  std::string os = "linux";  ///< linux | windows | other
  bool realtime = true;
};

struct Boot {
  std::string kernel, initrd, cmdline;  ///< paths resolved against the profile's folder
  std::string firmware = "bios";        ///< bios | uefi | the path of a ROM
  std::vector<std::string> order;       ///< disk | network | cdrom
};

struct Clock {
  std::string base = "utc";                   ///< utc | localtime | an ISO date
  std::map<std::string, std::string> timers;  ///< pit, hpet → auto | on | off
};

struct Iothread {
  std::string name;
  std::optional<CpuSet> cpuset;  ///< nothing: emulator
  Scheduling scheduling;
};

struct Disk {
  std::string path;
  std::string format;          ///< raw | qcow2 | …; "": by the file's name (.qcow2), else raw
  std::string media = "disk";  ///< disk | cdrom
  std::string bus = "virtio";  ///< virtio | scsi | nvme | sata | ide
  std::string cache = "none";  ///< none | writeback | writethrough | directsync | unsafe
  std::string aio;             ///< native | threads | io_uring; "": native where the cache allows
  std::string iothread;
  bool readonly = false;
  bool discard = false;
  std::string on_error;  ///< report | ignore | enospc | stop; "": as lifecycle.on_storage_error
  std::string serial;
};

struct Network {
  std::string type = "user";  ///< user | tap | macvtap | vhost-user | none
  std::string bridge;
  std::string device;  ///< tap: an existing interface; macvtap: the lower one
  std::string socket;  ///< vhost-user
  bool vhost = false;
  int queues = 1;
  std::string model = "virtio";
  std::string mac = "auto";
  std::vector<std::string> forward;  ///< "2222:22", "udp:5353:53", "127.0.0.1:8080:80"
};

struct Serial {
  std::string type = "file";  ///< file | pty | socket | stdio | none
  std::string path;           ///< "": in the VM's state folder
};

struct Graphics {
  std::string type = "none";  ///< none | vnc | spice
  std::string listen;         ///< address:port or a socket's path
};

struct SharedMemory {
  std::string name;
  Bytes size;
};

struct Lifecycle {
  enum class Action { end, restart, pause };
  seconds shutdown_timeout{60};
  Action on_poweroff = Action::end;
  Action on_reboot = Action::restart;
  Action on_crash = Action::end;
  Action on_watchdog = Action::end;
  Action on_storage_error = Action::pause;
  bool keep_on_supervisor_death = true;  ///< on_supervisor_death: keep | kill
};

struct Security {
  std::string user;  ///< "": the caller's
  bool sandbox = true;
};

struct Qemu {
  std::string binary = "qemu-system-x86_64";
  std::string machine = "q35";
  std::string cpu = "auto";
  std::string accel = "auto";  ///< auto | kvm | tcg
  std::vector<std::string> extra_args;
  seconds start_timeout{0};  ///< 0: by memory size
};

struct Profile {
  std::string name, uuid, title, description;
  int nr_vcpus = 1;
  int max_vcpus = 0;  ///< with those that may be plugged while it runs; 0: none may
  bool topology_auto = true;
  CpuTopology topology;  ///< resolved, also for auto
  Choice<CpuSet> cpuset;
  bool rt = false;
  bool rt_memory = false;  ///< auto resolved
  bool rt_memory_auto = true;
  Choice<NodeSet> numatune = Choice<NodeSet>::automatic();
  bool hide_kvm = false;
  bool autostart = true;
  Memory memory;
  std::vector<GuestNode> numa;
  Realtime realtime;
  partition::CacheRequest cache;
  Latency latency;
  Guest guest;
  Boot boot;
  Clock clock;
  std::vector<Iothread> iothreads;
  std::vector<Disk> disks;
  std::vector<Network> networks;
  std::vector<std::string> pci;
  std::vector<Serial> serial;
  Graphics graphics;
  std::string video, usb, tpm, agent, sound;  ///< "" or "off": none
  std::vector<SharedMemory> shared_memory;
  std::string watchdog;  ///< model; "": none
  bool rng = false;
  Lifecycle lifecycle;
  Security security;
  Qemu qemu;

  std::string folder;  ///< where the file stands; relative paths start here
  Place place;         ///< of the document's first key
  std::map<std::string, Place>
      places;  ///< dotted key ("realtime.priority", "disks[0].path") → value

  /// All vCPUs that the guest may ever have.
  [[nodiscard]] int most_vcpus() const { return max_vcpus > nr_vcpus ? max_vcpus : nr_vcpus; }

  /// The place of a key, of the nearest key above it that stands in the file, or the document's.
  [[nodiscard]] Place place_of(const std::string& key) const;
};

/// What the planner sees of it. `kvm`: whether KVM will run it, as decided by the caller.
partition::VmRequest request_of(const Profile& profile, bool kvm);

/// Gives problems that name a key of this profile their place in its file.
void locate(Problems& problems, const Profile& profile);

}  // namespace kvmrt::profiles
