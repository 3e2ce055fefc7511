// SPDX-License-Identifier: MIT
#include "tests/golden/command_line_cases.h"

#include <algorithm>
#include <utility>

namespace kvmrt::golden {
namespace {

using partition::CpuSet;
using partition::NodeSet;
using partition::ThreadClass;

void set_vcpus(Case& one, int count, profiles::CpuTopology topology) {
  one.profile.nr_vcpus = count;
  one.profile.topology = topology;
}

void add_machine_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(make_case(dir, "minimal", [](Case&) {}));
  cases.push_back(
      make_case(dir, "no-sandbox", [](Case& one) { one.profile.security.sandbox = false; }));
  cases.push_back(
      make_case(dir, "kvm", [](Case& one) { one.around.accelerator = Accelerator::kvm; }));
  cases.push_back(make_case(dir, "kvm-hidden", [](Case& one) {
    one.around.accelerator = Accelerator::kvm;
    one.profile.hide_kvm = true;
  }));
  cases.push_back(make_case(dir, "kvm-windows", [](Case& one) {
    one.around.accelerator = Accelerator::kvm;
    one.profile.guest.os = "windows";
    one.profile.clock.base = "localtime";
  }));
  cases.push_back(make_case(dir, "timers", [](Case& one) {
    one.profile.clock.timers = {{"pit", "off"}, {"hpet", "on"}};
  }));
  cases.push_back(make_case(dir, "pc-with-properties", [](Case& one) {
    one.profile.qemu.machine = "pc,vmport=on";
    one.profile.qemu.cpu = "qemu64,+ssse3";
  }));
  cases.push_back(make_case(dir, "topology", [](Case& one) {
    set_vcpus(one, 8, {.sockets = 2, .cores = 2, .threads = 2});
  }));
  cases.push_back(make_case(dir, "room-for-vcpus", [](Case& one) {
    set_vcpus(one, 1, {.sockets = 1, .cores = 4, .threads = 1});
    one.profile.max_vcpus = 4;
  }));
  cases.push_back(make_case(dir, "extra-args", [](Case& one) {
    one.profile.qemu.extra_args = {"-device", "isa-debug-exit,iobase=0xf4,iosize=4"};
  }));
}

void add_rt_cases(std::vector<Case>& cases, const std::string& dir) {
  for (const auto accelerator : {Accelerator::kvm, Accelerator::tcg}) {
    cases.push_back(make_case(dir, "rt-" + to_string(accelerator), [&](Case& one) {
      one.around.accelerator = accelerator;
      set_vcpus(one, 2, {.sockets = 1, .cores = 2, .threads = 1});
      make_rt(one);
      place(one, CpuSet{0}, CpuSet{1, 2}, NodeSet{0});
    }));
  }
  cases.push_back(make_case(dir, "rt-shared-vcpu-cpus", [](Case& one) {
    one.around.accelerator = Accelerator::kvm;
    set_vcpus(one, 2, {.sockets = 1, .cores = 2, .threads = 1});
    make_rt(one);
    place(one, CpuSet{0}, CpuSet{1}, NodeSet{0});
  }));
  cases.push_back(make_case(dir, "rt-prealloc-threads", [](Case& one) {
    make_rt(one);
    place(one, CpuSet{0, 1}, CpuSet{1}, NodeSet{0});
  }));
}

void add_memory_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(make_case(dir, "memory-bound",
                            [](Case& one) { place(one, CpuSet{0}, CpuSet{1}, NodeSet{0}); }));
  cases.push_back(make_case(dir, "memory-odd-size",
                            [](Case& one) { one.profile.memory.size = kib(65 * 1024 + 8); }));
  cases.push_back(make_case(dir, "hugepages", [](Case& one) {
    one.profile.memory.hugepages = mib(2);
    one.needs = Needs::hugepages;
  }));
  cases.push_back(make_case(dir, "numa", [](Case& one) {
    set_vcpus(one, 4, {.sockets = 1, .cores = 2, .threads = 2});
    one.profile.numa = {{.vcpus = {0, 1}, .memory = mib(32), .host_nodes = NodeSet{0}},
                        {.vcpus = {2, 3}, .memory = mib(32), .host_nodes = {}}};
  }));
}

void add_boot_cases(std::vector<Case>& cases, const std::string& dir) {
  cases.push_back(
      make_case(dir, "rom", [&](Case& one) { one.profile.boot.firmware = dir + "/rom"; }));
  cases.push_back(make_case(dir, "kernel", [&](Case& one) {
    one.profile.boot.kernel = dir + "/vmlinuz";
    one.profile.boot.initrd = dir + "/initrd";
    one.profile.boot.cmdline = "console=ttyS0 isolcpus=1,2";
  }));
  cases.push_back(make_case(dir, "uefi", [&](Case& one) {
    one.profile.boot.firmware = "uefi";
    one.needs = Needs::ovmf;
  }));
  cases.push_back(make_case(dir, "boot-order", [&](Case& one) {
    one.profile.boot.order = {"cdrom", "disk", "network"};
    one.profile.disks = {{.path = dir + "/a.raw"},
                         {.path = dir + "/b.raw", .media = "cdrom"},
                         {.path = dir + "/c.raw"}};
    one.profile.networks = {{.type = "none"}, {.type = "user"}};
    one.needs = Needs::boot_rom;
  }));
}

}  // namespace

Case make_case(const std::string& dir, std::string name, const Edit& edit) {
  Case one;
  one.name = std::move(name);
  one.profile.name = "line3";
  one.profile.uuid = "8b0c7a52-5a0e-5d5c-8f3e-1f0f35d1e6a1";
  one.profile.memory.size = mib(64);
  one.profile.numatune = {};
  one.around.state_dir = dir + "/state";
  one.around.uefi_code = dir + "/OVMF_CODE.fd";
  one.around.uefi_vars = dir + "/OVMF_VARS.fd";
  one.plan.name = one.profile.name;
  edit(one);
  return one;
}

void place(Case& one, CpuSet emulator, const CpuSet& vcpus, NodeSet nodes) {
  one.plan.emulator_cpus = emulator;
  one.plan.numa_nodes = std::move(nodes);
  one.plan.threads.push_back(
      {.thread_class = ThreadClass::emulator, .name = "emulator", .cpus = std::move(emulator)});
  const auto cpus = vcpus.members();
  for (int i = 0; i < one.profile.nr_vcpus; ++i)
    one.plan.threads.push_back(
        {.thread_class = ThreadClass::vcpu,
         .index = i,
         .name = "vcpu" + std::to_string(i),
         .cpus = CpuSet::of(cpus[static_cast<std::size_t>(i) % cpus.size()])});
}

void make_rt(Case& one) {
  one.profile.rt = true;
  one.profile.rt_memory = true;
  one.plan.rt = true;
}

std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::vector<Case> all_cases(const std::string& dir) {
  std::vector<Case> cases;
  add_machine_cases(cases, dir);
  add_rt_cases(cases, dir);
  add_memory_cases(cases, dir);
  add_boot_cases(cases, dir);
  add_disk_cases(cases, dir);
  add_network_cases(cases, dir);
  add_serial_cases(cases, dir);
  add_other_device_cases(cases, dir);
  return cases;
}

}  // namespace kvmrt::golden
