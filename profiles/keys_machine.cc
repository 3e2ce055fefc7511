// SPDX-License-Identifier: MIT
// Memory, boot, clock, security and QEMU itself.
#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

template <int which>
constexpr const char* timer_name() {
  return which == 0 ? "pit" : "hpet";
}

template <int which>
Field timer(std::string_view fallback) {
  const Key key{.name = which == 0 ? "clock.timers.pit" : "clock.timers.hpet",
                .type = Type::choice,
                .fallback = fallback,
                .allowed = "auto|on|off",
                .help = which == 0 ? "The i8254; auto: off where the guest can do without it."
                                   : "The HPET; exits of the guest cost latency."};
  return {key,
          [](const Node& node, const Key& row, void* root, std::size_t /*index*/, Sink& sink) {
            const auto truth = node.is_scalar() ? parse_bool(node.text) : std::nullopt;
            std::string word = truth ? (*truth ? "on" : "off") : "";
            if (!truth) read_value(node, row, word, sink);
            if (!word.empty())
              static_cast<Profile*>(root)->clock.timers[timer_name<which>()] = word;
          },
          [](const Key& row, const void* root, std::size_t /*index*/) {
            const auto& timers = static_cast<const Profile*>(root)->clock.timers;
            const auto found = timers.find(timer_name<which>());
            return Node::string(found == timers.end() ? std::string(row.fallback) : found->second);
          }};
}

Table memory_keys() {
  return {
      section({.name = "memory", .short_for = "memory.size", .help = "The guest's memory."}),
      value<&Profile::memory, &Memory::size>(
          {.name = "memory.size", .type = Type::bytes, .fallback = "1GiB", .help = "How much."}),
      value<&Profile::memory, &Memory::hugepages>({.name = "memory.hugepages",
                                                   .type = Type::bytes,
                                                   .fallback = "false",
                                                   .allowed = "2MiB|1GiB",
                                                   .word = "false",
                                                   .help = "Page size of the memory's backing."}),
      list_of<&Profile::numa>(
          {.name = "numa",
           .fallback = "[]",
           .help = "NUMA nodes of the guest; together they have all of its vCPUs and memory."}),
      item<&Profile::numa, &GuestNode::vcpus>({.name = "numa[].vcpus",
                                               .type = Type::id_set,
                                               .required = true,
                                               .help = "vCPUs of this node."}),
      item<&Profile::numa, &GuestNode::memory>({.name = "numa[].memory",
                                                .type = Type::bytes,
                                                .required = true,
                                                .help = "Memory of this node."}),
      item<&Profile::numa, &GuestNode::host_nodes>({.name = "numa[].host_nodes",
                                                    .type = Type::id_set,
                                                    .fallback = "\"\"",
                                                    .help = "Host nodes that give it; empty: as "
                                                            "numatune says."}),
  };
}

Table boot_keys() {
  return {
      section({.name = "boot", .help = "What the guest starts from."}),
      value<&Profile::boot, &Boot::kernel>({.name = "boot.kernel",
                                            .type = Type::path,
                                            .fallback = "\"\"",
                                            .help = "A Linux kernel, loaded by QEMU."}),
      value<&Profile::boot, &Boot::initrd>({.name = "boot.initrd",
                                            .type = Type::path,
                                            .fallback = "\"\"",
                                            .help = "Its initial RAM disk."}),
      value<&Profile::boot, &Boot::cmdline>(
          {.name = "boot.cmdline", .fallback = "\"\"", .help = "Its command line."}),
      value<&Profile::boot, &Boot::firmware>({.name = "boot.firmware",
                                              .type = Type::path,
                                              .fallback = "bios",
                                              .allowed = "bios|uefi",
                                              .help = "The firmware, or the path of a ROM."}),
      value<&Profile::boot, &Boot::order>({.name = "boot.order",
                                           .type = Type::texts,
                                           .fallback = "[]",
                                           .allowed = "disk|network|cdrom",
                                           .help = "In which order devices are tried."}),
      section({.name = "clock", .help = "What time it is in the guest."}),
      value<&Profile::clock, &Clock::base>({.name = "clock.base",
                                            .fallback = "utc",
                                            .help = "utc, localtime or 2026-01-31T12:00:00."}),
      timer<0>("auto"),
      timer<1>("off"),
  };
}

Table qemu_keys() {
  return {
      section({.name = "security", .help = "What QEMU may do on the host."}),
      value<&Profile::security, &Security::user>(
          {.name = "security.user", .fallback = "\"\"", .help = "Its user; empty: the caller's."}),
      value<&Profile::security, &Security::sandbox>({.name = "security.sandbox",
                                                     .type = Type::boolean,
                                                     .fallback = "true",
                                                     .help = "QEMU's seccomp filter."}),
      section({.name = "qemu", .help = "QEMU itself."}),
      value<&Profile::qemu, &Qemu::binary>({.name = "qemu.binary",
                                            .type = Type::program,
                                            .fallback = "qemu-system-x86_64",
                                            .help = "The program."}),
      value<&Profile::qemu, &Qemu::machine>(
          {.name = "qemu.machine", .fallback = "q35", .help = "Machine type."}),
      value<&Profile::qemu, &Qemu::cpu>({.name = "qemu.cpu",
                                         .fallback = "auto",
                                         .help = "CPU model; auto: host with KVM, max without."}),
      value<&Profile::qemu, &Qemu::accel>({.name = "qemu.accel",
                                           .type = Type::choice,
                                           .fallback = "auto",
                                           .allowed = "auto|kvm|tcg",
                                           .help = "auto: KVM where hardware is behind it, else "
                                                   "software emulation."}),
      value<&Profile::qemu, &Qemu::extra_args>({.name = "qemu.extra_args",
                                                .type = Type::texts,
                                                .fallback = "[]",
                                                .help = "Arguments added as they are."}),
      value<&Profile::qemu, &Qemu::start_timeout>(
          {.name = "qemu.start_timeout",
           .type = Type::duration,
           .fallback = "0s",
           .help = "How long QEMU may take to start; 0: by the size of memory."}),
  };
}

}  // namespace

Table machine_keys() {
  Table all = memory_keys();
  for (const Table& part : {boot_keys(), qemu_keys()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace kvmrt::profiles
