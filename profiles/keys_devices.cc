// SPDX-License-Identifier: MIT
#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

Table iothread_keys() {
  return {
      list_of<&Profile::iothreads>(
          {.name = "iothreads", .fallback = "[]", .help = "Threads of their own for disks."}),
      item<&Profile::iothreads, &Iothread::name>({.name = "iothreads[].name",
                                                  .type = Type::name,
                                                  .required = true,
                                                  .help = "By which disks name it."}),
      item<&Profile::iothreads, &Iothread::cpuset>(
          {.name = "iothreads[].cpuset",
           .type = Type::id_set,
           .fallback = "emulator",
           .word = "emulator",
           .help = "Its CPUs out of the VM's cpuset; emulator: with the emulator threads."}),
      item<&Profile::iothreads, &Iothread::scheduling, &Scheduling::policy>(
          {.name = "iothreads[].policy",
           .type = Type::choice,
           .fallback = "other",
           .allowed = "other|fifo|rr",
           .help = "Its scheduling policy."}),
      item<&Profile::iothreads, &Iothread::scheduling, &Scheduling::priority>(
          {.name = "iothreads[].priority",
           .type = Type::integer,
           .fallback = "0",
           .allowed = "0..99",
           .help = "Its priority; 0 with policy other."}),
  };
}

Table disk_keys() {
  return {
      list_of<&Profile::disks>(
          {.name = "disks", .fallback = "[]", .help = "Disks, in the guest's order."}),
      item<&Profile::disks, &Disk::path>({.name = "disks[].path",
                                          .type = Type::path,
                                          .required = true,
                                          .help = "Image file or block device."}),
      item<&Profile::disks, &Disk::format>(
          {.name = "disks[].format",
           .fallback = "\"\"",
           .help = "raw, qcow2, …; empty: qcow2 for *.qcow2, else raw."}),
      item<&Profile::disks, &Disk::media>({.name = "disks[].media",
                                           .type = Type::choice,
                                           .fallback = "disk",
                                           .allowed = "disk|cdrom",
                                           .help = "What the guest sees."}),
      item<&Profile::disks, &Disk::bus>({.name = "disks[].bus",
                                         .type = Type::choice,
                                         .fallback = "virtio",
                                         .allowed = "virtio|scsi|nvme|sata|ide",
                                         .help = "How it is attached."}),
  };
}

Table disk_io_keys() {
  return {
      item<&Profile::disks, &Disk::cache>(
          {.name = "disks[].cache",
           .type = Type::choice,
           .fallback = "none",
           .allowed = "none|writeback|writethrough|directsync|unsafe",
           .help = "Cache mode of the host."}),
      item<&Profile::disks, &Disk::aio>(
          {.name = "disks[].aio",
           .type = Type::choice,
           .fallback = "\"\"",
           .allowed = "native|threads|io_uring",
           .word = "\"\"",
           .help = "Asynchronous I/O; empty: native where the cache mode allows it."}),
      item<&Profile::disks, &Disk::iothread>({.name = "disks[].iothread",
                                              .fallback = "\"\"",
                                              .help = "Name of an iothread; empty: QEMU's main "
                                                      "loop."}),
      item<&Profile::disks, &Disk::readonly>({.name = "disks[].readonly",
                                              .type = Type::boolean,
                                              .fallback = "false",
                                              .help = "The guest cannot write."}),
      item<&Profile::disks, &Disk::discard>({.name = "disks[].discard",
                                             .type = Type::boolean,
                                             .fallback = "false",
                                             .help = "The guest's TRIM frees space."}),
      item<&Profile::disks, &Disk::on_error>(
          {.name = "disks[].on_error",
           .type = Type::choice,
           .fallback = "\"\"",
           .allowed = "report|ignore|enospc|stop",
           .word = "\"\"",
           .help = "On an I/O error; empty: as lifecycle.on_storage_error."}),
      item<&Profile::disks, &Disk::serial>(
          {.name = "disks[].serial", .fallback = "\"\"", .help = "Serial number."}),
  };
}

Table network_keys() {
  return {
      list_of<&Profile::networks>(
          {.name = "networks", .fallback = "[]", .help = "Network cards, in the guest's order."}),
      item<&Profile::networks, &Network::type>({.name = "networks[].type",
                                                .type = Type::choice,
                                                .fallback = "user",
                                                .allowed = "user|tap|macvtap|vhost-user|none",
                                                .help = "What it is connected to."}),
      item<&Profile::networks, &Network::bridge>(
          {.name = "networks[].bridge", .fallback = "\"\"", .help = "tap: the host's bridge."}),
      item<&Profile::networks, &Network::device>(
          {.name = "networks[].device",
           .fallback = "\"\"",
           .help = "tap: an existing interface, instead of a bridge; macvtap: the lower one."}),
      item<&Profile::networks, &Network::socket>({.name = "networks[].socket",
                                                  .type = Type::path,
                                                  .fallback = "\"\"",
                                                  .help = "vhost-user: the switch's socket."}),
      item<&Profile::networks, &Network::vhost>({.name = "networks[].vhost",
                                                 .type = Type::boolean,
                                                 .fallback = "false",
                                                 .help = "tap, macvtap: packets by the kernel."}),
      item<&Profile::networks, &Network::queues>({.name = "networks[].queues",
                                                  .type = Type::integer,
                                                  .fallback = "1",
                                                  .allowed = "1..256",
                                                  .help = "Pairs of queues."}),
      item<&Profile::networks, &Network::model>(
          {.name = "networks[].model",
           .type = Type::choice,
           .fallback = "virtio",
           .allowed = "virtio|e1000|e1000e|rtl8139|igb|vmxnet3",
           .help = "The card that the guest sees."}),
      item<&Profile::networks, &Network::mac>(
          {.name = "networks[].mac", .fallback = "auto", .help = "auto: derived from the name."}),
      item<&Profile::networks, &Network::forward>(
          {.name = "networks[].forward",
           .type = Type::texts,
           .fallback = "[]",
           .help = "user: [tcp:|udp:][ADDRESS:]HOSTPORT:GUESTPORT."}),
      value<&Profile::pci>({.name = "pci",
                            .type = Type::texts,
                            .fallback = "[]",
                            .help = "Host PCI devices passed through, by address."}),
  };
}

Table console_keys() {
  return {
      list_of<&Profile::serial>({.name = "serial",
                                 .fallback = "[]",
                                 .short_for = "serial[].type",
                                 .help = "Serial ports; none named: one, to a file in the VM's "
                                         "state folder."}),
      item<&Profile::serial, &Serial::type>({.name = "serial[].type",
                                             .type = Type::choice,
                                             .fallback = "file",
                                             .allowed = "file|pty|socket|stdio|none",
                                             .help = "Where it leads."}),
      item<&Profile::serial, &Serial::path>({.name = "serial[].path",
                                             .type = Type::path,
                                             .fallback = "\"\"",
                                             .help = "File or socket; empty: in the VM's state "
                                                     "folder."}),
      section({.name = "graphics", .short_for = "graphics.type", .help = "The display."}),
      value<&Profile::graphics, &Graphics::type>({.name = "graphics.type",
                                                  .type = Type::choice,
                                                  .fallback = "none",
                                                  .allowed = "none|vnc|spice",
                                                  .help = "How it is reached."}),
      value<&Profile::graphics, &Graphics::listen>(
          {.name = "graphics.listen",
           .fallback = "\"\"",
           .help = "ADDRESS:PORT or a socket's path; empty: a socket in the VM's state folder."}),
      value<&Profile::video>({.name = "video",
                              .type = Type::device,
                              .fallback = "off",
                              .allowed = "virtio|vga|qxl|cirrus|bochs|ramfb",
                              .help = "Graphics card."}),
  };
}

Table other_keys() {
  return {
      value<&Profile::usb>({.name = "usb",
                            .type = Type::device,
                            .fallback = "off",
                            .allowed = "xhci|ehci|uhci",
                            .help = "USB controller with a tablet."}),
      value<&Profile::sound>({.name = "sound",
                              .type = Type::device,
                              .fallback = "off",
                              .allowed = "hda|ac97",
                              .help = "Sound card."}),
      value<&Profile::tpm>({.name = "tpm",
                            .type = Type::device,
                            .fallback = "off",
                            .allowed = "tis|crb",
                            .help = "TPM 2.0 through swtpm; what it stores stands in "
                                    "/var/lib/kvmrt/NAME.tpm."}),
      value<&Profile::agent>({.name = "agent",
                              .type = Type::device,
                              .fallback = "off",
                              .allowed = "on",
                              .help = "Channel to the QEMU guest agent (agent.sock in the VM's "
                                      "state folder); a stop tells it to shut the guest down once "
                                      "it has answered, else the power button is pressed."}),
      list_of<&Profile::shared_memory>({.name = "shared_memory",
                                        .fallback = "[]",
                                        .help = "Memory shared between VMs (ivshmem)."}),
      item<&Profile::shared_memory, &SharedMemory::name>({.name = "shared_memory[].name",
                                                          .type = Type::name,
                                                          .required = true,
                                                          .help = "By which VMs share it."}),
      item<&Profile::shared_memory, &SharedMemory::size>({.name = "shared_memory[].size",
                                                          .type = Type::bytes,
                                                          .required = true,
                                                          .help = "A power of two."}),
  };
}

Table watchdog_keys() {
  return {
      section({.name = "watchdog",
               .short_for = "watchdog.model",
               .help = "A watchdog that the guest must feed."}),
      value<&Profile::watchdog>({.name = "watchdog.model",
                                 .type = Type::device,
                                 .fallback = "off",
                                 .allowed = "i6300esb|ib700|itco",
                                 .help = "Its model; what it does: lifecycle.on_watchdog."}),
      value<&Profile::rng>({.name = "rng",
                            .type = Type::boolean,
                            .fallback = "false",
                            .help = "Random numbers from the host (virtio-rng)."}),
  };
}

}  // namespace

Table device_keys() {
  Table all = iothread_keys();
  for (const Table& part :
       {disk_keys(), disk_io_keys(), network_keys(), console_keys(), other_keys(), watchdog_keys()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace kvmrt::profiles
