// SPDX-License-Identifier: MIT
#include "partition/irqs.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/file.h"

namespace kvmrt::partition {
namespace {

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// IRQ → PCI address, from the devices' own lists.
std::map<int, std::string> owners(Host& host) {
  std::map<int, std::string> found;
  const std::string devices = "/sys/bus/pci/devices";
  for (const auto& address : host.list(devices)) {
    const std::string folder = devices + "/" + address;
    for (const auto& name : host.list(folder + "/msi_irqs")) {
      if (const auto irq = number_of(name)) found[*irq] = address;
    }
    const auto line = host.read(folder + "/irq");
    const auto irq = line ? number_of(trimmed(*line)) : std::nullopt;
    // A line shared by several devices belongs to none of them.
    if (irq && *irq > 0 && !found.try_emplace(*irq, address).second && found[*irq] != address)
      found[*irq].clear();
  }
  return found;
}

/// IRQ → network interface; a virtio device hangs one level below its PCI function.
std::map<int, std::string> interfaces(Host& host) {
  std::map<int, std::string> found;
  const std::string nets = "/sys/class/net";
  for (const auto& net : host.list(nets)) {
    for (const char* up : {"/device/msi_irqs", "/device/../msi_irqs"}) {
      for (const auto& name : host.list(nets + "/" + net + up)) {
        if (const auto irq = number_of(name)) found[*irq] = net;
      }
    }
  }
  return found;
}

std::vector<std::string_view> actions_of(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const auto comma = text.find(',');
    all.push_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return all;
}

bool names(std::string_view rule, std::string_view action) {
  return action == rule || action.substr(0, action.find('-')) == rule;
}

}  // namespace

std::vector<Irq> read_irqs(Host& host) {
  std::vector<Irq> all;
  const auto devices = owners(host);
  const auto nets = interfaces(host);
  for (const auto& name : host.list("/proc/irq")) {
    const auto number = number_of(name);
    if (!number) continue;
    const auto actions = host.read("/sys/kernel/irq/" + name + "/actions");
    Irq irq{*number, actions ? std::string(trimmed(*actions)) : std::string(), {}, {}};
    if (irq.actions.empty()) continue;
    if (const auto at = devices.find(*number); at != devices.end()) irq.device = at->second;
    if (const auto at = nets.find(*number); at != nets.end()) irq.net = at->second;
    all.push_back(std::move(irq));
  }
  std::sort(all.begin(), all.end(), [](const Irq& a, const Irq& b) { return a.number < b.number; });
  return all;
}

std::optional<CpuSet> irq_rule(const Irq& irq, const HostPolicy& policy) {
  if (policy.irqs.empty()) return std::nullopt;
  if (const auto at = policy.irqs.find(std::to_string(irq.number)); at != policy.irqs.end())
    return at->second;
  const auto actions = actions_of(irq.actions);
  for (const auto& [rule, cpus] : policy.irqs) {
    if (rule == irq.device || rule == irq.net) return cpus;
    const bool named =
        std::any_of(actions.begin(), actions.end(),
                    [&rule](std::string_view action) { return names(rule, action); });
    if (named) return cpus;
  }
  return std::nullopt;
}

}  // namespace kvmrt::partition
