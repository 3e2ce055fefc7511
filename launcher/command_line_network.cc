// SPDX-License-Identifier: MIT
// Each network is a -netdev ("net0") and a -device ("net0-device"). Taps and /dev/vhost-net come as
// descriptors: QEMU 7.2 aborts where it cannot open the latter by itself.
#include <fcntl.h>
#include <string>
#include <string_view>

#include "launcher/command_line_draft.h"
#include "launcher/devices_network.h"
#include "launcher/network_links.h"

namespace kvmrt::launcher {
namespace {

struct Card {
  const profiles::Network& network;
  int index;
  int nth;  ///< among those that are not "none"
  std::string id;
};

Options user_netdev(const Card& card) {
  Options options("user");
  options.set("id", card.id);
  for (const std::string& text : card.network.forward) {
    const Forward forward = parse_forward(text).value_or(Forward{});
    options.set("hostfwd", forward.protocol + ":" + forward.address + ":" +
                               std::to_string(forward.host_port) +
                               "-:" + std::to_string(forward.guest_port));
  }
  return options;
}

/// Descriptors of all queues: "fd=5", or "fds=5:6".
void set_queues(Draft& draft, const Card& card, Handover::Kind kind, std::string_view name,
                Options& options) {
  const bool vhost = kind == Handover::Kind::vhost_net;
  std::string numbers;
  for (int queue = 0; queue < card.network.queues; ++queue) {
    const int fd =
        draft.hand_over({.kind = kind,
                         .path = vhost ? kVhostNet : link_name(draft.profile, card.index),
                         .open_flags = vhost ? O_RDWR : 0,
                         .index = card.index,
                         .queue = queue,
                         .key = item_key("networks", card.index)});
    numbers += (queue == 0 ? "" : ":") + std::to_string(fd);
  }
  options.set(std::string(name) + (card.network.queues > 1 ? "s" : ""), numbers);
}

Options tap_netdev(Draft& draft, const Card& card) {
  Options options("tap");
  options.set("id", card.id);
  set_queues(draft, card, Handover::Kind::tap, "fd", options);
  if (!card.network.vhost) return options;
  options.on("vhost");
  set_queues(draft, card, Handover::Kind::vhost_net, "vhostfd", options);
  return options;
}

/// QEMU is the client, and connects again when the switch was restarted.
Options vhost_user_netdev(Draft& draft, const Card& card) {
  const std::string path = draft.use_path(PathUse::Kind::connect_socket, card.network.socket,
                                          item_key("networks", card.index, "socket"));
  Options socket("socket");
  socket.set("id", card.id + "-socket").set("path", path);
  // `reconnect` (seconds) is deprecated since 9.2, which brought `reconnect-ms`.
  if (draft.around.qemu >= QemuVersion{9, 2})
    socket.set("reconnect-ms", 1000);
  else
    socket.set("reconnect", 1);
  draft.add("-chardev", socket);
  Options options("vhost-user");
  options.set("id", card.id).set("chardev", card.id + "-socket");
  if (card.network.queues > 1) options.set("queues", card.network.queues);
  return options;
}

Options netdev(Draft& draft, const Card& card) {
  if (card.network.type == "user") return user_netdev(card);
  if (card.network.type == "vhost-user") return vhost_user_netdev(draft, card);
  return tap_netdev(draft, card);
}

/// Seen with QEMU 7.2, emulating: the guest's driver starts, its MSI-X vectors are unmasked, and
/// QEMU follows the null pointer to KVM's interrupt routes (virtio-pci.c,
/// kvm_virtio_pci_irqfd_use): vhost-user has it skip the way without KVM. Without vectors an
/// ordinary interrupt serves.
bool unmasks_into_nothing(const Draft& draft, const profiles::Network& network) {
  return network.type == "vhost-user" && !draft.kvm();
}

void append_device(Draft& draft, const Card& card) {
  const profiles::Network& network = card.network;
  const int boot = boot_index(draft.profile, "network", card.nth);
  Options options(network_device(network));
  options.set("id", card.id + "-device").set("netdev", card.id);
  options.set("mac", guest_mac(draft.profile, card.index));
  // Two vectors for each pair of queues, one for changes, one for control.
  if (network.queues > 1) options.on("mq");
  if (unmasks_into_nothing(draft, network))
    options.set("vectors", 0);
  else if (network.queues > 1)
    options.set("vectors", 2 * network.queues + 2);
  // The boot ROM is a file of another package and takes time; needed only to boot from here.
  if (boot == 0)
    options.set("romfile", "");
  else
    options.set("bootindex", boot);
  draft.add("-device", options);
}

}  // namespace

void append_networks(Draft& draft) {
  int index = -1;
  int nth = 0;
  for (const profiles::Network& network : draft.profile.networks) {
    ++index;
    if (network.type == "none") continue;
    const Card card{network, index, nth++, "net" + std::to_string(index)};
    draft.add("-netdev", netdev(draft, card));
    append_device(draft, card);
  }
}

void append_pci(Draft& draft) {
  int index = 0;
  for (const std::string& address : draft.profile.pci)
    draft.add("-device",
              Options("vfio-pci").set("host", address).set("id", "pci" + std::to_string(index++)));
}

}  // namespace kvmrt::launcher
