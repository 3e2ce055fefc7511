// SPDX-License-Identifier: MIT
#include "launcher/devices_network.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "launcher/command_line.h"

namespace kvmrt::launcher {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (port < 1 || port > 65535) return std::nullopt;
  return port;
}

bool ipv4(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// FNV-1a: the same on every machine and in every release, which is all that is asked of it.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    value *= 0x100000001b3ULL;
  }
  return value ^ (value >> 32U);
}

}  // namespace

std::optional<Forward> parse_forward(std::string_view text) {
  std::vector<std::string_view> parts = split(text);
  Forward forward;
  if (parts.front() == "tcp" || parts.front() == "udp") {
    forward.protocol = parts.front();
    parts.erase(parts.begin());
  }
  if (parts.size() == 3) {
    forward.address = parts.front();
    if (!forward.address.empty() && !ipv4(forward.address)) return std::nullopt;
    parts.erase(parts.begin());
  }
  if (parts.size() != 2) return std::nullopt;
  const auto host = parse_port(parts[0]);
  const auto guest = parse_port(parts[1]);
  if (!host || !guest) return std::nullopt;
  forward.host_port = *host;
  forward.guest_port = *guest;
  return forward;
}

bool valid_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !hex_digit(text[i])) return false;
  }
  constexpr std::string_view kEven = "02468aceACE";
  return kEven.find(text[1]) != std::string_view::npos;
}

std::string network_device(const profiles::Network& network) {
  return network.model == "virtio" ? "virtio-net-pci" : network.model;
}

std::string derived_mac(const std::string& vm, int index) {
  const std::uint64_t value = hash(vm + "/" + std::to_string(index));
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "52:54:00:%02x:%02x:%02x",
                static_cast<unsigned>(value >> 16U & 0xffU),
                static_cast<unsigned>(value >> 8U & 0xffU), static_cast<unsigned>(value & 0xffU));
  return text.data();
}

}  // namespace kvmrt::launcher
