// SPDX-License-Identifier: MIT
#include <charconv>
#include <string>
#include <string_view>

#include "launcher/command_line_draft.h"

namespace kvmrt::launcher {
namespace {

struct Listen {
  std::string address;
  int port = 0;  ///< 0: `address` is a socket's path
};

constexpr int kFirstVncPort = 5900;

/// "127.0.0.1:5901", "5901", "/run/x.sock"; "" is a socket in the state folder.
Listen listen_of(const Draft& draft) {
  const std::string& text = draft.profile.graphics.listen;
  if (text.empty()) return {draft.in_state_dir(draft.profile.graphics.type + ".sock"), 0};
  if (text.starts_with("/")) return {text, 0};
  const std::size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  Listen listen{colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon), 0};
  std::from_chars(port.data(), port.data() + port.size(), listen.port);
  return listen;
}

void append_vnc(Draft& draft) {
  const Listen listen = listen_of(draft);
  if (listen.port == 0) return draft.add("-vnc", "unix:" + escaped(listen.address));
  draft.add("-vnc", escaped(listen.address) + ":" + std::to_string(listen.port - kFirstVncPort));
}

void append_spice(Draft& draft) {
  const Listen listen = listen_of(draft);
  Options options;
  if (listen.port == 0)
    options.on("unix");
  else
    options.set("port", listen.port);
  draft.add("-spice", options.set("addr", listen.address).on("disable-ticketing"));
}

/// QEMU's device for the profile's word; the words are those of the key table.
std::string video_device(const std::string& word) {
  if (word == "vga") return "VGA";
  if (word == "virtio" || word == "qxl" || word == "cirrus") return word + "-vga";
  return word == "bochs" ? "bochs-display" : word;
}

std::string usb_controller(const std::string& word) {
  if (word == "ehci") return "usb-ehci";
  return word == "uhci" ? "piix3-usb-uhci" : "qemu-xhci";
}

}  // namespace

void append_graphics(Draft& draft) {
  const std::string& type = draft.profile.graphics.type;
  if (type == "vnc") append_vnc(draft);
  if (type == "spice") append_spice(draft);
  const std::string& video = draft.profile.video;
  if (!video.empty())
    draft.add("-device", video_device(video));
  else if (type != "none")
    draft.add("-device", "VGA");  // what every guest has a driver for
}

void append_input(Draft& draft) {
  const std::string& usb = draft.profile.usb;
  if (usb.empty()) return;
  draft.add("-device", Options(usb_controller(usb)).set("id", "usb0"));
  // An absolute pointer, for a screen that is looked at from afar.
  draft.add("-device", "usb-tablet,bus=usb0.0");
}

void append_sound(Draft& draft) {
  const std::string& sound = draft.profile.sound;
  if (sound.empty()) return;
  const bool spice = draft.profile.graphics.type == "spice";
  draft.add("-audiodev", Options(spice ? "spice" : "none").set("id", "audio0"));
  if (sound == "ac97") return draft.add("-device", "AC97,audiodev=audio0");
  draft.add("-device", "ich9-intel-hda,id=sound0");
  draft.add("-device", "hda-output,bus=sound0.0,audiodev=audio0");
}

}  // namespace kvmrt::launcher
