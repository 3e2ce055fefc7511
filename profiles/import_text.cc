// SPDX-License-Identifier: MIT
#include "profiles/import_text.h"

#include <array>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "profiles/keys.h"
#include "profiles/load.h"
#include "profiles/show.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

constexpr std::string_view kSource = "# imported-from: ";
constexpr std::string_view kKeys = "# imported-rt: ";
constexpr std::array<const char*, 10> kRealtimeKeys{"autostart", "cache",    "cpuset",   "guest",
                                                    "hide_kvm",  "latency",  "numatune", "realtime",
                                                    "rt",        "rt_memory"};

Node realtime_part(const Node& document) {
  Node part = Node::map();
  for (const char* key : kRealtimeKeys) {
    if (const Node* value = document.find(key)) part.at(key) = *value;
  }
  return part;
}

bool same(const Node* a, const Node* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return same_value(*a, *b);
}

/// Before the document, a path must stay in its line.
std::string one_line(std::string text) {
  for (char& c : text) c = static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text;
}

Node in_table_order(const Node& document) {
  Node sorted = Node::map();
  for (const std::string& name : names_below(profile_keys(), "")) {
    if (const Node* found = document.find(name)) sorted.entries.push_back({name, {}, *found});
  }
  return sorted;
}

std::string file_of(const Node& document, const Node& base,
                    const std::vector<ImportSource>& sources) {
  std::string text =
      "# Imported by kvmrt. 'kvmrt import -u' renews it, and keeps what is edited here of cpuset,\n"
      "# rt, rt_memory, numatune, hide_kvm, autostart, realtime, cache, latency and guest.\n";
  for (const ImportSource& source : sources)
    text += fmt::format("{}{} {}\n", kSource, source.fingerprint, one_line(source.path));
  text += fmt::format("{}{}\n", kKeys, to_json(realtime_part(base)).dump());
  return text + to_yaml(in_table_order(document));
}

}  // namespace

std::string fingerprint_of(std::string_view text) { return uuid_of(std::string(text)); }

std::string imported_text(const Node& document, const std::vector<ImportSource>& sources) {
  return file_of(document, document, sources);
}

std::optional<Origin> origin_of(std::string_view file_text) {
  Origin origin;
  for (std::string_view line : lines_of(file_text)) {
    if (line.starts_with(kSource)) {
      line.remove_prefix(kSource.size());
      const std::size_t blank = std::min(line.find(' '), line.size());
      origin.sources.push_back({std::string(line.substr(std::min(blank + 1, line.size()))),
                                std::string(line.substr(0, blank))});
    } else if (line.starts_with(kKeys)) {
      Documents keys = parse_yaml(line.substr(kKeys.size()), "imported-rt");
      if (keys.roots.size() == 1) origin.realtime_keys = std::move(keys.roots[0]);
    }
  }
  if (origin.sources.empty()) return std::nullopt;
  return origin;
}

std::string updated_text(std::string_view file_text, const Node& fresh,
                         const std::vector<ImportSource>& sources) {
  const Documents present = parse_yaml(file_text, "present");
  const auto origin = origin_of(file_text);
  Node document = fresh;
  if (present.roots.size() != 1) return file_of(document, fresh, sources);
  for (const char* key : kRealtimeKeys) {
    const Node* here = present.roots[0].find(key);
    const Node* then = origin ? origin->realtime_keys.find(key) : nullptr;
    if (same(here, then)) continue;
    if (here != nullptr) {
      document.at(key) = *here;
    } else {
      std::erase_if(document.entries, [&](const Entry& entry) { return entry.key == key; });
    }
  }
  return file_of(document, fresh, sources);
}

}  // namespace kvmrt::profiles
