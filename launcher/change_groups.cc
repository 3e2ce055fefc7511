// SPDX-License-Identifier: MIT
#include "launcher/change_groups.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string>
#include <tuple>

namespace kvmrt::launcher {
namespace {

using partition::Change;

constexpr std::size_t kNamed = 3;

struct Group {
  std::size_t at = 0;  ///< where the first of them stands in the result
  std::size_t count = 0;
  std::vector<std::string> names;  ///< distinct ones
};

bool is_task(const Change& change) { return change.knob.starts_with("task:"); }

/// "task:12:affinity" → "affinity".
std::string setting_of(const Change& change) {
  return change.knob.substr(change.knob.rfind(':') + 1);
}

/// A task's reason is "NAME: why"; names may hold colons ("kworker/0:1H").
std::pair<std::string, std::string> name_and_why(const Change& change) {
  const auto at = change.reason.rfind(": ");
  if (at == std::string::npos) return {"", change.reason};
  return {change.reason.substr(0, at), change.reason.substr(at + 2)};
}

void add_name(Group& group, const std::string& name) {
  ++group.count;
  if (std::find(group.names.begin(), group.names.end(), name) == group.names.end())
    group.names.push_back(name);
}

std::string names_of(const Group& group) {
  const auto shown = std::min(kNamed, group.names.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + group.names[i];
  return text + (group.names.size() > shown ? ", …" : "");
}

}  // namespace

std::vector<Change> grouped(const std::vector<Change>& changes) {
  std::vector<Change> result;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, Group> groups;
  for (const Change& change : changes) {
    if (!is_task(change)) {
      result.push_back(change);
      continue;
    }
    const auto [name, why] = name_and_why(change);
    Group& group = groups[{setting_of(change), change.before, change.after, why}];
    if (group.count == 0) {
      group.at = result.size();
      result.push_back(change);
    }
    add_name(group, name);
  }
  for (const auto& [key, group] : groups) {
    if (group.count == 1) continue;
    result[group.at].knob = fmt::format("task:*:{} ({} tasks)", std::get<0>(key), group.count);
    result[group.at].reason = std::get<3>(key) + ": " + names_of(group);
  }
  return result;
}

}  // namespace kvmrt::launcher
