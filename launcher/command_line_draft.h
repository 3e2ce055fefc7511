// SPDX-License-Identifier: MIT
// The command line while it is being written. Each append_… adds the arguments of one feature of
// the profile, in the order in which command_line() calls them; nobody else calls them.
#pragma once

#include <string>
#include <utility>

#include "launcher/command_line.h"
#include "launcher/command_line_options.h"

namespace kvmrt::launcher {

struct Draft {
  const profiles::Profile& profile;
  const partition::VmPlan& plan;
  const Surroundings& around;
  QemuInvocation result;
  int next_fdset = 1;

  void add(std::string option) { result.argv.push_back(std::move(option)); }
  void add(std::string option, std::string value);
  void add(std::string option, const Options& value) { add(std::move(option), value.text()); }

  /// The number under which QEMU will find this descriptor.
  int hand_over(Handover handover);
  /// The same for a file that QEMU names by path: the path to write, "/dev/fdset/N".
  std::string hand_over_file(std::string path, int open_flags, int index, std::string key,
                             int layer = 0);
  /// A path that QEMU opens itself.
  std::string use_path(PathUse::Kind kind, std::string path, std::string key);
  /// "STATE_DIR/name".
  [[nodiscard]] std::string in_state_dir(const std::string& name) const;

  [[nodiscard]] bool kvm() const { return around.accelerator == Accelerator::kvm; }
  [[nodiscard]] bool machine_is(std::string_view family) const;  ///< "q35", "pc", "microvm"
};

/// "disks", 2, "path" → "disks[2].path".
std::string item_key(std::string_view list, int index, std::string_view member = {});

// command_line_machine.cc
void append_machine(Draft& draft);
void append_accelerator(Draft& draft);
void append_cpu(Draft& draft);
void append_smp(Draft& draft);
void append_clock(Draft& draft);
// command_line_memory.cc
void append_memory(Draft& draft);
void append_memory_lock(Draft& draft);
void append_shared_memory(Draft& draft);
// command_line_boot.cc
void append_boot(Draft& draft);
/// The bootindex of a device of this kind ("disk", "network", "cdrom"), counted from 1 in the order
/// of boot.order and then of the devices; 0: none.
int boot_index(const profiles::Profile& profile, std::string_view kind, int nth);
// command_line_disk.cc
void append_iothreads(Draft& draft);
void append_disks(Draft& draft);
// command_line_network.cc
void append_networks(Draft& draft);
void append_pci(Draft& draft);
// command_line_serial.cc
void append_monitor(Draft& draft);
void append_serial_ports(Draft& draft);
void append_agent(Draft& draft);
// command_line_display.cc
void append_graphics(Draft& draft);
void append_input(Draft& draft);
void append_sound(Draft& draft);
// command_line_misc.cc
void append_identity(Draft& draft);
void append_sandbox(Draft& draft);
void append_ends(Draft& draft);
void append_watchdog(Draft& draft);
void append_rng(Draft& draft);
void append_tpm(Draft& draft);

}  // namespace kvmrt::launcher
