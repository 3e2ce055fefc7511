// SPDX-License-Identifier: MIT
#include "qmp/proxy_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace kvmrt::qmp {

using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 11> kNoted{
    "quit",       "cont",       "stop",    "system_reset",  "system_powerdown", "device_add",
    "object-add", "netdev_add", "migrate", "snapshot-load", "nbd-server-start"};

/// HMP names and aliases of what is judged as QMP command; HMP takes no abbreviations but these.
constexpr std::array<std::string_view, 13> kHidden{
    "quit",           "q",          "cont",       "c",          "stop",    "s",
    "system_reset",   "device_add", "object_add", "netdev_add", "migrate", "loadvm",
    "watchdog_action"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string text_in(const json& arguments, const char* key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Verdict refused(std::string text) { return {Verdict::Kind::refuse, std::move(text)}; }

Verdict judge_hmp(const json& arguments) {
  const std::string line = text_in(arguments, "command-line");
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  const auto end = std::min(line.find_first_of(" \t", begin), line.size());
  const std::string word = line.substr(begin, end - begin);
  if (!contains(kHidden, word)) return {};
  return refused("human-monitor-command: '" + word + "' is not seen by kvmrt; use the QMP command");
}

}  // namespace

bool adds_vcpu(const std::string& command, const json& arguments) {
  return command == "device_add" && text_in(arguments, "driver").ends_with("-cpu");
}

Verdict judge_command(const std::string& command, const json& arguments,
                      const ProxyPolicy& policy) {
  if (command == "human-monitor-command") return judge_hmp(arguments);
  if (command == "set-action" || command == "watchdog-set-action")
    return refused(command + ": kvmrt decides how the guest ends; see 'lifecycle' in its profile");
  if (adds_vcpu(command, arguments) && !policy.cpu_hotplug)
    return refused("device_add: this guest's plan has no CPU for another vCPU");
  if ((command == "chardev-remove" || command == "chardev-change") &&
      text_in(arguments, "id") == "qmp")
    return refused(command + ": 'qmp' is kvmrt's own monitor");
  return contains(kNoted, command) ? Verdict{Verdict::Kind::note, {}} : Verdict{};
}

}  // namespace kvmrt::qmp
