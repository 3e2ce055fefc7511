// SPDX-License-Identifier: MIT
// Serial ports, channels, graphics, video, sound.
#include <fmt/format.h>
#include <set>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

void take_serial(const Element& serial, Draft& draft) {
  static const std::map<std::string, std::string> kTypes{
      {"pty", "pty"}, {"file", "file"}, {"unix", "socket"}, {"stdio", "stdio"}, {"null", "none"}};
  const auto found = kTypes.find(serial.peek("type"));
  if (found == kTypes.end())
    return serial.leave(
        fmt::format("type '{}'; allowed: pty, file, unix, stdio, null", serial.peek("type")));
  (void)serial.attr("type");
  Node port = Node::map();
  port.at("type") = Node::string(found->second);
  const Element source = serial.child("source");
  const std::string path = source.attr("path");
  const bool has_path = found->second == "file" || found->second == "socket";
  if (has_path && !path.empty()) port.at("path") = Node::string(path);
  if (source.has("mode") && source.attr("mode") != "bind")
    source.leave("mode", "the supervisor makes the socket");
  const Element target = serial.child("target");
  (void)target.attr("port");
  const std::string kind = target.attr("type");
  if (!kind.empty() && kind != "isa-serial") target.leave("type", "ISA ports only");
  if (kind == "isa-serial") (void)target.child("model").attr("name");
  draft.list("serial").items.push_back(std::move(port));
}

/// The first console is the first serial port under another name.
void take_console(const Element& console, const Draft& draft) {
  const Element target = console.child("target");
  const std::string type = target.peek("type");
  if ((type.empty() || type == "serial") && draft.has("serial")) {
    console.take_all();
  } else if (type.empty() || type == "serial") {
    console.leave("see serial");
  } else {
    console.leave(fmt::format("consoles of type '{}'; see serial", type));
  }
}

void take_channel(const Element& channel, Draft& draft) {
  if (channel.child("target").peek("name") != "org.qemu.guest_agent.0")
    return channel.leave("the guest agent's channel only");
  channel.take_all();
  draft.plain("agent", "on");
}

std::string listen_address(const Element& graphics) {
  const Element listen = graphics.child("listen");
  const std::string socket = graphics.attr("socket");
  if (!socket.empty()) return socket;
  if (listen.peek("type") == "socket") {
    (void)listen.attr("type");
    return listen.attr("socket");
  }
  if (listen && listen.peek("type") != "address") {
    listen.leave("allowed: address, socket");
    return "";
  }
  (void)listen.attr("type");
  const std::string inner = listen.attr("address");
  const std::string outer = graphics.attr("listen");
  const std::string address = !outer.empty() ? outer : inner;
  const std::string port = graphics.attr("port");
  if (port.empty() || port == "-1") return "";
  return fmt::format("{}:{}", address.empty() ? "127.0.0.1" : address, port);
}

void take_graphics(const Element& graphics, Draft& draft) {
  const std::string type = graphics.peek("type");
  if (type != "vnc" && type != "spice") return graphics.leave("allowed: vnc, spice");
  if (draft.has("graphics")) return graphics.leave("one display");
  (void)graphics.attr("type");
  (void)graphics.attr("autoport");
  draft.text("graphics.type", type);
  draft.text("graphics.listen", listen_address(graphics));
}

void take_video(const Element& video, Draft& draft) {
  static const std::set<std::string> kModels{"virtio", "vga", "qxl", "cirrus", "bochs", "ramfb"};
  const Element model = video.child("model");
  const std::string type = model.peek("type");
  if (type == "none") return video.take_all();
  if (draft.has("video") || !kModels.contains(type))
    return video.leave(draft.has("video") ? "one graphics card"
                                          : "allowed: virtio, vga, qxl, cirrus, bochs, ramfb");
  draft.text("video", model.attr("type"));
  if (model.attr("heads") != "1") model.leave("heads", "one head");
  if (model.attr("primary") != "yes") model.leave("primary", "one graphics card");
}

void take_sound(const Element& sound, Draft& draft) {
  const std::string model = sound.peek("model");
  if (draft.has("sound")) return sound.leave("one sound card");
  if (model == "ich6" || model == "ich9" || model == "ich7") {
    draft.text("sound", "hda");
  } else if (model == "ac97") {
    draft.text("sound", "ac97");
  } else {
    return sound.leave("allowed: ich6, ich9, ac97");
  }
  (void)sound.attr("model");
}

}  // namespace

void take_consoles(const Element& devices, Draft& draft) {
  for (const Element& serial : devices.children("serial")) take_serial(serial, draft);
  for (const Element& console : devices.children("console")) take_console(console, draft);
  for (const Element& channel : devices.children("channel")) take_channel(channel, draft);
  for (const Element& graphics : devices.children("graphics")) take_graphics(graphics, draft);
  for (const Element& video : devices.children("video")) take_video(video, draft);
  for (const Element& sound : devices.children("sound")) take_sound(sound, draft);
}

}  // namespace kvmrt::profiles::import
