// SPDX-License-Identifier: MIT
#include "profiles/keys.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <numeric>

namespace kvmrt::profiles {
namespace {

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  std::iota(cost[0].begin(), cost[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string with_underscores(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

}  // namespace

const Table& profile_keys() {
  static const Table table = [] {
    Table all;
    for (Table part :
         {identity_keys(), realtime_keys(), machine_keys(), device_keys(), lifecycle_keys()})
      std::move(part.begin(), part.end(), std::back_inserter(all));
    return all;
  }();
  return table;
}

std::vector<std::string> names_below(const Table& table, std::string_view section) {
  const std::string prefix = section.empty() ? "" : std::string(section) + ".";
  std::vector<std::string> names;
  for (const Field& field : table) {
    if (!field.key.name.starts_with(prefix)) continue;
    const std::string_view rest = field.key.name.substr(prefix.size());
    const std::string name = prefix + std::string(rest.substr(0, rest.find_first_of(".[")));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

const Field* find_field(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Field& field) { return field.key.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool is_section(const Table& table, std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  return std::any_of(table.begin(), table.end(),
                     [&](const Field& field) { return field.key.name.starts_with(prefix); });
}

std::string suggestion(const Table& table, std::string_view section, std::string_view wrong) {
  constexpr std::size_t kLongest = 64;
  if (wrong.size() > kLongest) return "";
  const std::string word = with_underscores(wrong);
  std::string best;
  std::size_t nearest = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : names_below(table, section)) {
    const std::size_t away = distance(leaf_of(name), word);
    if (away >= nearest) continue;
    nearest = away;
    best = leaf_of(name);
  }
  if (best.empty()) {  // right word, wrong place
    for (const Field& field : table) {
      if (leaf_of(field.key.name) == word) best = field.key.name;
    }
  }
  return best.empty() ? "" : fmt::format("did you mean '{}'?", best);
}

}  // namespace kvmrt::profiles
