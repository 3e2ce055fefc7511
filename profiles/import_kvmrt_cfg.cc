// SPDX-License-Identifier: MIT
#include "profiles/import_kvmrt_cfg.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <ini.h>
#include <utility>

#include "base/file.h"
#include "profiles/codec.h"
#include "profiles/text_scan.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

constexpr std::size_t kLongestLine = 190;
constexpr std::array<std::string_view, 11> kAttributes{
    "name", "title",     "description", "nr_vcpus", "cpu_topology", "cpuset",
    "rt",   "rt_memory", "numatune",    "hide_kvm", "autostart"};

/// The lines for which inih calls its handler, in that order: it gives no line numbers.
struct Line {
  int number;
  bool continues;
};

std::vector<Line> value_lines(std::string_view text) {
  std::vector<Line> lines;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    const std::string_view bare = trimmed(line);
    if (bare.empty() || bare.front() == ';' || bare.front() == '#') continue;
    const bool continues = line.front() == ' ' || line.front() == '\t';
    if (bare.front() == '[' && !continues) continue;
    lines.push_back({number, continues});
  }
  return lines;
}

class CfgReader {
 public:
  CfgReader(std::string_view text, const std::string& file)
      : lines_(value_lines(text)), file_(file) {}

  void take(const std::string& section, const std::string& name, const std::string& value) {
    const Line line = next_ < lines_.size() ? lines_[next_] : Line{0, false};
    ++next_;
    CfgSection* here = section_of(section, line.number);
    if (here == nullptr) return;
    const Place place{file_, line.number, 1};
    if (std::find(kAttributes.begin(), kAttributes.end(), name) == kAttributes.end())
      return say("unknown-key", name, fmt::format("there is no attribute '{}'", name), line.number);
    Node* known = here->attributes.find(name);
    if (known != nullptr && line.continues) {
      known->text += "\n" + value;
    } else if (known != nullptr) {
      say("duplicate-key", name, fmt::format("'{}' stands here a second time", name), line.number);
    } else {
      Node node = Node::plain(value);
      node.place = place;
      here->attributes.entries.push_back({name, place, std::move(node)});
    }
  }

  void say(std::string code, const std::string& key, std::string message, int line) {
    cfg.problems.push_back(
        {Severity::error, std::move(code), "", key, std::move(message), "", {file_, line, 0}});
  }

  Cfg cfg;

 private:
  CfgSection* section_of(const std::string& name, int line) {
    if (!cfg.sections.empty() && name == name_) return &cfg.sections.back();
    if (name == bad_name_ && line > 0 && !name.empty()) return nullptr;
    std::string uuid = name;
    std::transform(uuid.begin(), uuid.end(), uuid.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (!is_uuid(uuid)) {
      bad_name_ = name;
      say("bad-section", "", fmt::format("found section '{}'; allowed: a UUID", name), line);
      return nullptr;
    }
    for (CfgSection& section : cfg.sections) {
      if (section.uuid == uuid) {
        bad_name_ = name;
        say("duplicate-uuid", "uuid", fmt::format("section '{}' stands here a second time", name),
            line);
        return nullptr;
      }
    }
    name_ = name;
    cfg.sections.push_back({uuid, Node::map(), {file_, line, 1}});
    return &cfg.sections.back();
  }

  std::vector<Line> lines_;
  std::size_t next_ = 0;
  const std::string& file_;
  std::string name_;
  std::string bad_name_;
};

int on_value(void* user, const char* section, const char* name, const char* value) {
  static_cast<CfgReader*>(user)->take(section, name, value == nullptr ? "" : value);
  return 1;
}

Problems check_text(std::string_view text, const std::string& file) {
  const auto refusal = [&](std::string code, std::string message, TextPlace place) {
    return Problem{Severity::error,
                   std::move(code),
                   "",
                   "",
                   std::move(message),
                   "",
                   {file, place.line, place.column}};
  };
  if (text.size() > kLongestFile)
    return {refusal("too-large",
                    fmt::format("{} bytes; a file may have {}", text.size(), kLongestFile),
                    {0, 0})};
  if (const auto bad = first_bad_text(text))
    return {refusal("bad-encoding", "this is no UTF-8 text", place_at(text, *bad))};
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (line.size() > kLongestLine)
      return {refusal("ini-syntax",
                      fmt::format("{} bytes in a line; allowed: {}", line.size(), kLongestLine),
                      {number, 1})};
  }
  return {};
}

void forget(Node& map, std::string_view key) {
  std::erase_if(map.entries, [&](const Entry& entry) { return entry.key == key; });
}

/// Booleans and numbers become YAML's, the rest stays text.
void put(Node& document, const Entry& entry) {
  static constexpr std::array<std::string_view, 4> kSwitches{"rt", "rt_memory", "hide_kvm",
                                                             "autostart"};
  const std::string& text = entry.value.text;
  const bool is_switch =
      std::find(kSwitches.begin(), kSwitches.end(), entry.key) != kSwitches.end();
  const auto truth = is_switch ? parse_bool(text) : std::nullopt;
  Node value = Node::string(text);
  if (truth) value = Node::plain(*truth ? "true" : "false");
  if (entry.key == "nr_vcpus" && text.find_first_not_of("0123456789") == std::string::npos)
    value.quoted = text.empty();
  value.place = entry.value.place;
  document.at(entry.key) = std::move(value);
}

/// What the XML says of placement was made from an older kvmrt.cfg, or is overruled by this one.
void overrule_placement(Imported& domain) {
  Node* realtime = domain.document.find("realtime");
  if (realtime == nullptr) return;
  for (const char* key : {"emulator_cpuset", "pin"}) {
    if (realtime->find(key) == nullptr) continue;
    forget(*realtime, key);
    domain.not_carried.push_back(
        {"/domain/cputune", fmt::format("the cpuset of kvmrt.cfg wins over realtime.{}", key)});
  }
}

void overrule_counts(Imported& domain, const CfgSection& section) {
  const Node* before = domain.document.find("nr_vcpus");
  const Node* count = section.attributes.find("nr_vcpus");
  if (before == nullptr || count == nullptr || before->text == count->text) return;
  forget(domain.document, "cpu_topology");
  if (Node* realtime = domain.document.find("realtime")) forget(*realtime, "vcpus");
  domain.not_carried.push_back({"/domain/vcpu", "the nr_vcpus of kvmrt.cfg wins"});
}

}  // namespace

Cfg read_kvmrt_cfg(std::string_view text, const std::string& file) {
  if (Problems problems = check_text(text, file); !problems.empty())
    return {{}, std::move(problems)};
  CfgReader reader(text, file);
  const std::string copy(text);
  const int bad_line = ini_parse_string(copy.c_str(), on_value, &reader);
  if (bad_line != 0)
    reader.say("ini-syntax", "", "allowed: [UUID], name = value, and comments with ; or #",
               std::max(bad_line, 0));
  return std::move(reader.cfg);
}

void join(Imported& domain, const CfgSection& section) {
  overrule_counts(domain, section);
  if (section.attributes.find("cpuset") != nullptr) overrule_placement(domain);
  for (const Entry& entry : section.attributes.entries) put(domain.document, entry);
  if (domain.document.find("autostart") != nullptr &&
      section.attributes.find("autostart") == nullptr)
    forget(domain.document, "autostart");  // KVM-RT's default is true, as ours
}

std::string as_text(const CfgSection& section) {
  std::vector<std::string> lines;
  for (const Entry& entry : section.attributes.entries)
    lines.push_back(entry.key + "=" + entry.value.text + "\n");
  std::sort(lines.begin(), lines.end());
  std::string text = section.uuid + "\n";
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace kvmrt::profiles
