// SPDX-License-Identifier: MIT
// A profile in the making: the parts of an import write into it, one after the other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "partition/cpuset.h"
#include "profiles/import/xml.h"
#include "profiles/node.h"

namespace kvmrt::profiles::import {

class Draft {
 public:
  explicit Draft(std::string source) : source_(std::move(source)) {}

  /// Keys are dotted, without indexes.
  void text(std::string_view key, const std::string& value);  ///< nothing for ""
  void plain(std::string_view key, const std::string& value);
  void node(std::string_view key, Node value);
  Node& list(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const;

  void warn(std::string code, std::string key, std::string message);
  void refuse(std::string code, std::string key, std::string message);

  std::vector<std::string> cpu_flags;      ///< "+x2apic", "kvm-hint-dedicated=on"
  std::vector<std::string> machine_flags;  ///< "vmport=off"
  std::vector<std::string> extra_args;
  std::map<std::string, std::string> disk_orders;  ///< boot order number → disk, network, cdrom
  int iothreads = 0;
  int nr_vcpus = 1;
  bool rt = false;
  bool locked = false;

  Node document = Node::map();
  Problems problems;

 private:
  std::string source_;
};

// The parts, in the order in which they run. Each takes from the domain what it understands.
void take_identity(const Element& domain, Draft& draft);
void take_cpus(const Element& domain, Draft& draft);       ///< vcpu, cpu, features
void take_memory(const Element& domain, Draft& draft);     ///< memory, memoryBacking, numa
void take_iothreads(const Element& domain, Draft& draft);  ///< before placement and disks
void take_placement(const Element& domain, Draft& draft);  ///< cputune, numatune
void take_boot(const Element& domain, Draft& draft);       ///< os, clock, lifecycle
void take_devices(const Element& domain, Draft& draft);
void take_storage(const Element& devices, Draft& draft);
void take_networks(const Element& devices, Draft& draft);
void take_consoles(const Element& devices, Draft& draft);
void take_qemu(const Element& domain, Draft& draft);  ///< qemu:commandline, emulator; last

/// "4" with unit "GiB", as libvirt reads it: KiB without a unit, KB and the like decimal.
std::optional<Bytes> amount_of(const std::string& number, const std::string& unit);

std::optional<int> number_of(const std::string& text);

/// libvirt's CPU lists know exclusion too: "0-7,^3".
std::optional<partition::CpuSet> cpus_of(const std::string& text);

}  // namespace kvmrt::profiles::import
