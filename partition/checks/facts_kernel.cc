// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

std::string with_underscores(std::string_view name) {
  std::string same(name);
  std::replace(same.begin(), same.end(), '-', '_');
  return same;
}

/// The words of the command line; blanks inside double quotes do not part them.
std::vector<std::string> boot_words(const HostView& host) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : text_of(host, "/proc/cmdline").value_or("")) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// "all" and "N" (the last CPU), as Documentation/admin-guide/kernel-parameters.rst has them.
std::string with_numbers(std::string part, const CpuSet& possible) {
  const auto last = possible.highest();
  if (!last) return part;
  if (part == "all") return possible.list();
  if (part.ends_with('N')) part.replace(part.size() - 1, 1, to_string(*last));
  return part;
}

}  // namespace

std::string kernel_release(const HostView& host) {
  return text_of(host, "/proc/sys/kernel/osrelease").value_or("");
}

KernelVersion kernel_version(const HostView& host) {
  const std::string release = kernel_release(host);
  KernelVersion version;
  const auto dot = release.find('.');
  if (dot == std::string::npos) return version;
  const auto end = release.find_first_not_of("0123456789", dot + 1);
  version.major = static_cast<int>(to_number(release.substr(0, dot)).value_or(0));
  const auto digits = end == std::string::npos ? end : end - dot - 1;
  version.minor = static_cast<int>(to_number(release.substr(dot + 1, digits)).value_or(0));
  return version;
}

bool is_rt_kernel(const HostView& host) {
  if (text_of(host, "/sys/kernel/realtime") == "1") return true;
  return text_of(host, "/proc/version").value_or("").find("PREEMPT_RT") != std::string::npos;
}

bool is_redhawk(const HostView& host) {
  const std::string text = kernel_release(host) + text_of(host, "/proc/version").value_or("");
  return text.find("RedHawk") != std::string::npos || text.find("redhawk") != std::string::npos;
}

std::optional<std::map<std::string, std::string>> kernel_config(const HostView& host) {
  auto text = text_of(host, "/kvmrt/config");
  if (!text) text = text_of(host, "/boot/config-" + kernel_release(host));
  if (!text) return std::nullopt;
  std::map<std::string, std::string> config;
  for (std::string_view line : lines_of(*text)) {
    const auto equals = line.find('=');
    if (!line.starts_with("CONFIG_") || equals == std::string_view::npos) continue;
    config.emplace(line.substr(7, equals - 7), trimmed(line.substr(equals + 1)));
  }
  return config;
}

std::optional<std::string> boot_parameter(const HostView& host, std::string_view name) {
  std::optional<std::string> value;
  for (const std::string& word : boot_words(host)) {
    if (word == "--") break;  // the rest is for init
    const auto equals = word.find('=');
    if (with_underscores(word.substr(0, equals)) == with_underscores(name))
      value = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return value;
}

CpuSet boot_cpus(const HostView& host, std::string_view name) {
  std::string value = boot_parameter(host, name).value_or("");
  const CpuSet possible =
      cpus_of(host, "/sys/devices/system/cpu/possible").value_or(online_cpus(host));
  CpuSet cpus;
  while (!value.empty()) {
    const auto comma = value.find(',');
    const auto part = CpuSet::from_list(with_numbers(value.substr(0, comma), possible));
    if (part) cpus |= *part;  // else one of isolcpus' flags
    if (comma == std::string::npos) break;
    value.erase(0, comma + 1);
  }
  return cpus;
}

std::optional<std::string> module_parameter(const HostView& host, const std::string& module,
                                            const std::string& parameter) {
  return text_of(host, "/sys/module/" + module + "/parameters/" + parameter);
}

bool module_is_builtin(const HostView& host, const std::string& module) {
  // Only a module that was loaded has a state.
  const std::string folder = "/sys/module/" + module;
  return host.exists(folder) && !host.exists(folder + "/initstate");
}

}  // namespace kvmrt::partition::checks
