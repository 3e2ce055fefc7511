// SPDX-License-Identifier: MIT
#include "partition/resctrl.h"

#include <bit>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <set>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

bool is_cache(std::string_view resource) { return resource.starts_with("L3"); }

template <class Number>
std::optional<Number> number_of(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(at);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return std::string(trimmed(text));
}

int trait(Host& host, const std::string& name) {
  const auto text = host.read(std::string(kCacheRoot) + "/info/L3/" + name);
  return text ? number_of<int>(trimmed(*text), 10).value_or(0) : 0;
}

/// Ways of the cache that a request means: a count, or an amount rounded up to ways.
std::optional<int> ways_of(const CacheTraits& traits, const std::string& l3, int ways) {
  if (const auto count = number_of<int>(l3, 10)) return count;
  const auto bytes = parse_bytes(l3);
  if (!bytes || traits.l3_size.count() == 0 || ways == 0) return std::nullopt;
  const auto way = traits.l3_size.count() / static_cast<unsigned>(ways);
  return way == 0 ? std::nullopt
                  : std::optional(static_cast<int>((bytes->count() + way - 1) / way));
}

/// `count` ways next to each other from the top of what is free. 0: there are none.
unsigned long top_ways(unsigned long free, int count) {
  constexpr int kBits = 64;
  if (count <= 0 || count > kBits) return 0;
  const unsigned long block = count == kBits ? ~0UL : (1UL << static_cast<unsigned>(count)) - 1;
  for (int shift = kBits - count; shift >= 0; --shift) {
    const unsigned long mask = block << static_cast<unsigned>(shift);
    if ((free & mask) == mask) return mask;
  }
  return 0;
}

unsigned long lowest_run(unsigned long mask) {
  const unsigned long lowest = mask & (~mask + 1);
  return mask & ~(mask + lowest);
}

class Sharer {
 public:
  explicit Sharer(const HostState& state) : state_(state), rest_(state.cache.full) {}

  /// The class's schemata; ways that an exclusive class takes leave those of everyone after it.
  Checked<Schemata> share(const Lease& lease) {
    Schemata mine = state_.cache.full;
    const CacheRequest& request = lease.request.cache;
    for (const int domain : domains(lease)) {
      for (auto& [resource, values] : mine.resources) {
        if (!values.contains(domain)) continue;
        if (is_cache(resource) && !request.l3.empty()) {
          const unsigned long mask = pick(resource, domain, request.l3);
          if (mask == 0) return refusal(lease, "L3 " + request.l3 + " is not free");
          values[domain] = mask;
          if (request.exclusive) rest_.resources[resource][domain] &= ~mask;
        }
        if (resource == "MB" && !request.mba.empty()) {
          const auto percent =
              number_of<unsigned long>(request.mba.substr(0, request.mba.find('%')), 10);
          if (!percent) return refusal(lease, "mba " + request.mba + " is no percentage");
          values[domain] = *percent;
        }
      }
    }
    return mine;
  }

  /// Of a class that is there already.
  void keep(const Lease& lease, std::string lines) {
    for (char& c : lines) {
      if (c == ' ') c = '\n';
    }
    const auto mine = Schemata::parse(lines);
    if (!mine || !lease.request.cache.exclusive || lease.request.cache.l3.empty()) return;
    for (const int domain : domains(lease)) {
      for (const auto& [resource, values] : mine->resources) {
        const auto mask = values.find(domain);
        if (is_cache(resource) && mask != values.end())
          rest_.resources[resource][domain] &= ~mask->second;
      }
    }
  }

  /// What the default class keeps: Intel takes only ways next to each other, so ways between two
  /// VMs' wait for the next VM.
  [[nodiscard]] Schemata rest() const {
    Schemata kept = rest_;
    for (auto& [resource, values] : kept.resources) {
      if (!is_cache(resource)) continue;
      for (auto& entry : values) entry.second = lowest_run(entry.second);
    }
    return kept;
  }

 private:
  [[nodiscard]] std::set<int> domains(const Lease& lease) const {
    std::set<int> all;
    for (const CpuId cpu : lease.plan.usable_cpus().members()) {
      const auto at = state_.cache.domain_of.find(cpu.value());
      if (at != state_.cache.domain_of.end()) all.insert(at->second);
    }
    return all;
  }

  [[nodiscard]] unsigned long pick(const std::string& resource, int domain,
                                   const std::string& l3) const {
    const unsigned long full = state_.cache.full.resources.at(resource).at(domain);
    const auto ways = ways_of(state_.cache, l3, std::popcount(full));
    if (!ways) return 0;
    const unsigned long mask = top_ways(rest_.resources.at(resource).at(domain),
                                        std::max(*ways, state_.cache.fewest_ways));
    // Something must stay for everyone else.
    return (rest_.resources.at(resource).at(domain) & ~mask) == 0 ? 0 : mask;
  }

  static Problem refusal(const Lease& lease, const std::string& what) {
    return {Severity::error, "cache-not-available", lease.vm, "cache", what, "", {}};
  }

  const HostState& state_;
  Schemata rest_;
};

}  // namespace

std::string cache_class_knob(const std::string& vm) {
  return fmt::format("{}/kvmrt-{}", kCacheRoot, vm);
}

bool is_cache_class_knob(std::string_view knob) {
  return knob.starts_with(std::string(kCacheRoot) + "/kvmrt-");
}

std::optional<Schemata> Schemata::parse(std::string_view text) {
  Schemata all;
  for (const auto line : lines_of(text)) {
    if (trimmed(line).empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string resource(trimmed(line.substr(0, colon)));
    for (const auto item : split(line.substr(colon + 1), ';')) {
      const auto equals = item.find('=');
      if (equals == std::string_view::npos) return std::nullopt;
      const auto domain = number_of<int>(trimmed(item.substr(0, equals)), 10);
      const auto value =
          number_of<unsigned long>(trimmed(item.substr(equals + 1)), is_cache(resource) ? 16 : 10);
      if (!domain || !value) return std::nullopt;
      all.resources[resource][*domain] = *value;
    }
  }
  return all;
}

std::string Schemata::text() const {
  std::string lines;
  for (const auto& [resource, values] : resources) {
    std::string line;
    for (const auto& [domain, value] : values) {
      line += line.empty() ? "" : ";";
      line += is_cache(resource) ? fmt::format("{}={:x}", domain, value)
                                 : fmt::format("{}={}", domain, value);
    }
    lines += (lines.empty() ? "" : "\n") + resource + ":" + line;
  }
  return lines;
}

void read_cache(Host& host, const Interest& interest, HostState& state) {
  const auto text = host.read(kCacheKnob);
  const auto now = text ? Schemata::parse(*text) : std::nullopt;
  if (!now) return;
  state.knobs[kCacheKnob] = now->text();
  state.cache.full = *now;
  state.cache.fewest_ways = std::max(1, trait(host, "min_cbm_bits"));
  for (const CpuId cpu : interest.owned.members()) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + to_string(cpu) + "/cache/index3/";
    const auto id = host.read(folder + "id");
    if (const auto domain = id ? number_of<int>(trimmed(*id), 10) : std::nullopt)
      state.cache.domain_of[cpu.value()] = *domain;
    const auto size = host.read(folder + "size");
    if (const auto bytes = size ? parse_bytes(trimmed(*size)) : std::nullopt)
      state.cache.l3_size = *bytes;
  }
  for (const Lease& lease : interest.leases) {
    const std::string knob = cache_class_knob(lease.vm);
    if (auto value = read_cache_class(host, knob)) state.knobs[knob] = std::move(*value);
  }
}

std::optional<std::string> read_cache_class(Host& host, const std::string& folder) {
  const auto text = host.read(folder + "/schemata");
  if (!text) return std::nullopt;
  const auto cpus = host.read(folder + "/cpus_list");
  const auto schemata = Schemata::parse(*text);
  return fmt::format("{}|{}", cpus ? trimmed(*cpus) : "",
                     one_line(schemata ? schemata->text() : *text));
}

void write_schemata(Host& host, const std::string& path, const std::string& text) {
  const int error = host.write(path, text);
  if (error == 0) return;
  const auto said = host.read(std::string(kCacheRoot) + "/info/last_cmd_status");
  throw SystemError("write", path + (said ? " (" + one_line(*said) + ")" : ""), error);
}

void make_cache_class(Host& host, const std::string& folder, const std::string& value) {
  const auto bar = value.find('|');
  const int made = host.make_folder(folder);
  if (made != 0 && made != EEXIST)
    throw SystemError("make", folder, made, "the processor has no more cache classes");
  try {
    std::string lines = value.substr(bar + 1);
    for (char& c : lines) {
      if (c == ' ') c = '\n';
    }
    write_schemata(host, folder + "/schemata", lines);
    write_schemata(host, folder + "/cpus_list", value.substr(0, bar));
  } catch (const SystemError&) {
    host.remove_folder(folder);
    throw;
  }
}

void want_cache(const HostState& state, const Ledger& ledger, Desired& wanted) {
  if (state.cache.full.resources.empty()) return;
  HostState base = HostState{};
  base.cache = state.cache;
  // Shares are cut from what the default class had before us.
  if (const auto at = ledger.knobs.find(kCacheKnob); at != ledger.knobs.end()) {
    if (const auto original = Schemata::parse(at->second.original)) base.cache.full = *original;
  }
  Sharer sharer(base);
  // A running VM keeps its ways when another one ends.
  for (const Lease& lease : ledger.leases) {
    const auto record = ledger.knobs.find(cache_class_knob(lease.vm));
    if (record == ledger.knobs.end() || record->second.written.empty()) continue;
    const std::string& value = record->second.written;
    sharer.keep(lease, value.substr(value.find('|') + 1));
    wanted.knobs[record->first] = {value, "cache class of " + lease.vm, false, false};
  }
  for (const Lease& lease : ledger.leases) {
    if (!lease.request.cache.wanted() || lease.plan.owned_cpus.empty()) continue;
    const auto record = ledger.knobs.find(cache_class_knob(lease.vm));
    if (record != ledger.knobs.end() && !record->second.written.empty()) continue;
    const auto mine = sharer.share(lease);
    if (!mine) continue;
    wanted.knobs[cache_class_knob(lease.vm)] = {
        lease.plan.usable_cpus().list() + "|" + one_line(mine->text()),
        "cache class of " + lease.vm, false, false};
  }
  if (sharer.rest() != base.cache.full)
    wanted.knobs[kCacheKnob] = {sharer.rest().text(), "ways given to VMs alone", false, false};
}

Problems cache_refusals(const HostState& state, const Lease& lease) {
  if (!lease.request.cache.wanted()) return {};
  if (state.cache.full.resources.empty())
    return {{Severity::error,
             "cache-not-available",
             lease.vm,
             "cache",
             "this host offers no cache classes (resctrl)",
             "mount -t resctrl resctrl /sys/fs/resctrl; if that fails the processor has none",
             {}}};
  return Sharer(state).share(lease).problems();
}

}  // namespace kvmrt::partition
