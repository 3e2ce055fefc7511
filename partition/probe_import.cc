// SPDX-License-Identifier: MIT
// Another machine's topology: hwloc XML or a synthetic description.
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <hwloc.h>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "partition/probe.h"
#include "partition/probe_hwloc.h"

namespace kvmrt::partition {
namespace {

constexpr std::uint64_t kMaxCpus = BitSet::kMaxId + 1;

Problem unusable(const std::string& input, const std::string& why) {
  return {
      Severity::error,
      "input-unusable",
      "",
      "",
      fmt::format("--input '{}': {}", input.size() > 80 ? input.substr(0, 77) + "..." : input, why),
      "an hwloc XML file (lstopo --of xml FILE), or a description such as \"pack:2 [numa] "
      "core:10 pu:2\"",
      {}};
}

/// How many objects a level of a synthetic description asks for under each of the level above:
/// "core:10(size=…)" is 10. Nothing for one that says no number.
std::optional<std::uint64_t> arity_of(std::string_view level) {
  level = level.substr(0, level.find('('));
  if (const auto colon = level.find(':'); colon != std::string_view::npos)
    level.remove_prefix(colon + 1);
  std::uint64_t arity = 0;
  const auto [end, error] = std::from_chars(level.data(), level.data() + level.size(), arity);
  if (error == std::errc::result_out_of_range) return kMaxCpus + 1;
  if (error != std::errc{} || end != level.data() + level.size()) return std::nullopt;
  return arity;
}

/// hwloc builds whatever is asked for, so the number of CPUs is judged first.
bool too_large(const std::string& description) {
  std::uint64_t cpus = 1;
  bool attached = false;  // [numa] hangs beside the tree
  std::string level;
  for (const char c : description + " ") {
    if (c == '[') attached = true;
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ']') {
      const auto arity = attached || level.empty() ? std::nullopt : arity_of(level);
      if (arity && *arity > kMaxCpus) return true;
      if (arity && *arity > 1) cpus *= *arity;
      if (cpus > kMaxCpus) return true;
      level.clear();
      if (c == ']') attached = false;
      continue;
    }
    level += c;
  }
  return false;
}

/// hwloc tells syntax errors on standard error if asked in its environment; we tell them.
bool set_synthetic(const HwlocTopology& hwloc, const std::string& description) {
  return hwloc_topology_set_synthetic(hwloc.get(), description.c_str()) == 0 && load(hwloc);
}

Checked<HostTopology> finished(HostTopology host, const std::string& input) {
  if (host.cpus.empty()) return unusable(input, "describes no CPU");
  host.source = input;
  return host;
}

Checked<HostTopology> from_synthetic(const std::string& input) {
  if (input.find('\0') != std::string::npos || input.size() > 4096)
    return unusable(input, "no such file, and too long for a description");
  if (too_large(input)) return unusable(input, fmt::format("more than {} CPUs", kMaxCpus));
  const HwlocTopology hwloc = new_hwloc_topology(HwlocDevices::none);
  if (!set_synthetic(hwloc, input))
    return unusable(input, "no such file, and not a synthetic description");
  HostTopology host = from_hwloc(hwloc);
  host.memory_known = input.find("memory=") != std::string::npos;  // else hwloc says 1 GiB
  return finished(std::move(host), input);
}

Checked<HostTopology> from_xml(const std::string& path) {
  const std::string text = read_file(path);
  if (text.find("<topology") == std::string::npos) return unusable(path, "not an hwloc XML file");
  // hwloc's own parser knows no entities, and so no entity bombs.
  ::setenv("HWLOC_LIBXML", "0", 1);
  const HwlocTopology hwloc = new_hwloc_topology(HwlocDevices::pci);
  const bool loaded = hwloc_topology_set_xmlbuffer(hwloc.get(), text.c_str(),
                                                   static_cast<int>(text.size() + 1)) == 0 &&
                      load(hwloc);
  ::unsetenv("HWLOC_LIBXML");
  if (!loaded) return unusable(path, "not a well-formed hwloc XML file");
  return finished(from_hwloc(hwloc), path);
}

}  // namespace

Checked<HostTopology> topology_from(const std::string& input) {
  std::error_code none;
  const auto status = std::filesystem::status(input, none);
  if (input.empty()) return unusable(input, "is empty");
  if (!std::filesystem::exists(status)) return from_synthetic(input);
  if (!std::filesystem::is_regular_file(status)) return unusable(input, "is not a file");
  try {
    return from_xml(input);
  } catch (const SystemError& error) {
    return unusable(input, error.what());
  }
}

}  // namespace kvmrt::partition
