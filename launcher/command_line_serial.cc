// SPDX-License-Identifier: MIT
// Every port is drained: a file takes what comes, a socket or pty without a reader drops it (and
// its log file keeps it), the console's socket is read by the supervisor. Nothing that can fill up
// and stop QEMU's main loop.
#include <fcntl.h>
#include <string>

#include "launcher/command_line_draft.h"

namespace kvmrt::launcher {
namespace {

constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;

struct Port {
  const profiles::Serial& serial;
  int index;
  std::string id;
};

std::string log_name(const Port& port) {
  return port.index == 0 ? "console.log" : port.id + ".log";
}

std::string key_of(const Port& port) { return item_key("serial", port.index); }

/// Where what the guest writes is kept: the profile's file, else one in the state folder.
std::string log_file(Draft& draft, const Port& port) {
  const bool named = port.serial.type == "file" && !port.serial.path.empty();
  return draft.hand_over_file(named ? port.serial.path : draft.in_state_dir(log_name(port)),
                              kAppend, port.index, key_of(port));
}

void set_log(Draft& draft, const Port& port, Options& options) {
  options.set("logfile", log_file(draft, port)).on("logappend");
}

Options console_chardev(Draft& draft, const Port& port) {
  const int fd = draft.hand_over(
      {.kind = Handover::Kind::console, .path = {}, .index = port.index, .key = key_of(port)});
  Options options("socket");
  options.set("id", port.id).set("fd", fd);
  set_log(draft, port, options);
  return options;
}

Options socket_chardev(Draft& draft, const Port& port) {
  const std::string path =
      port.serial.path.empty() ? draft.in_state_dir(port.id + ".sock") : port.serial.path;
  const int fd = draft.hand_over(
      {.kind = Handover::Kind::listener, .path = path, .index = port.index, .key = key_of(port)});
  Options options("socket");
  options.set("id", port.id).set("fd", fd).on("server").off("wait");
  set_log(draft, port, options);
  return options;
}

Options chardev_of(Draft& draft, const Port& port) {
  const std::string& type = port.serial.type;
  const bool first = port.index == 0;
  if (type == "stdio" || (first && draft.around.console_on_socket))
    return console_chardev(draft, port);
  if (type == "socket") return socket_chardev(draft, port);
  if (type == "pty") {
    Options options("pty");
    options.set("id", port.id);
    set_log(draft, port, options);
    return options;
  }
  return Options("file").set("id", port.id).set("path", log_file(draft, port)).on("append");
}

void append_port(Draft& draft, const profiles::Serial& serial, int index) {
  const Port port{serial, index, "serial" + std::to_string(index)};
  // With --console even a port that nobody wanted ends at the supervisor.
  if (serial.type == "none" && !(index == 0 && draft.around.console_on_socket)) return;
  draft.add("-chardev", chardev_of(draft, port));
  draft.add("-device", Options("isa-serial").set("chardev", port.id).set("index", index));
}

}  // namespace

void append_monitor(Draft& draft) {
  const int fd = draft.hand_over(
      {.kind = Handover::Kind::qmp_listener, .path = draft.in_state_dir("qmp.sock"), .key = {}});
  draft.add("-chardev", Options("socket").set("id", "qmp").set("fd", fd).on("server").off("wait"));
  draft.add("-mon", "chardev=qmp,mode=control");
}

void append_serial_ports(Draft& draft) {
  if (draft.profile.serial.empty()) return append_port(draft, profiles::Serial{}, 0);
  int index = 0;
  for (const profiles::Serial& serial : draft.profile.serial) append_port(draft, serial, index++);
}

void append_agent(Draft& draft) {
  if (draft.profile.agent.empty()) return;
  const int fd = draft.hand_over(
      {.kind = Handover::Kind::listener, .path = draft.in_state_dir("agent.sock"), .key = "agent"});
  draft.add("-chardev",
            Options("socket").set("id", "agent0").set("fd", fd).on("server").off("wait"));
  draft.add("-device", "virtio-serial-pci,id=agent-bus");
  draft.add("-device", "virtserialport,bus=agent-bus.0,chardev=agent0,name=org.qemu.guest_agent.0");
}

}  // namespace kvmrt::launcher
