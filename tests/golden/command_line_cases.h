// SPDX-License-Identifier: MIT
// One case per feature of QEMU's command line, as values. Paths start at a folder that the user of
// the cases chooses: a fixed one for the golden files, a real one for a real QEMU.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "launcher/command_line.h"

namespace kvmrt::golden {

using launcher::Accelerator;

/// What a real QEMU needs beside itself to accept the line.
enum class Needs {
  nothing,
  hugepages,
  tap,
  vhost_net,
  peer,
  spice,
  vfio,
  ovmf,
  boot_rom,
};

struct Case {
  std::string name;
  profiles::Profile profile;
  partition::VmPlan plan;
  launcher::Surroundings around;
  Needs needs = Needs::nothing;
};

/// Files of the cases, made by the user of the cases: DIR/*.raw and DIR/*.qcow2 are disk images of
/// 1 MiB, DIR/rom a BIOS ROM of 64 KiB, DIR/vmlinuz and DIR/initrd anything, DIR/state a folder.
std::vector<Case> all_cases(const std::string& dir);

/// How GoogleTest shows a case.
inline void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

/// The name as a C++ identifier, for parameterized tests.
std::string identifier(std::string name);

// For the files that define cases.
using Edit = std::function<void(Case&)>;
/// A VM "line3" with one vCPU and 64 MiB, no placement, on TCG; then edited.
Case make_case(const std::string& dir, std::string name, const Edit& edit);
/// Emulator threads on `emulator`, vCPU i on the i-th of `vcpus`, memory on `nodes`.
void place(Case& one, partition::CpuSet emulator, const partition::CpuSet& vcpus,
           partition::NodeSet nodes);
/// Real-time: locked memory, FIFO 1.
void make_rt(Case& one);

void add_disk_cases(std::vector<Case>& cases, const std::string& dir);
void add_network_cases(std::vector<Case>& cases, const std::string& dir);
void add_serial_cases(std::vector<Case>& cases, const std::string& dir);
void add_other_device_cases(std::vector<Case>& cases, const std::string& dir);

}  // namespace kvmrt::golden
