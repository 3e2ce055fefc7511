// SPDX-License-Identifier: MIT
#include "launcher/import_report.h"

#include <array>
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "launcher/problem_json.h"

namespace kvmrt::launcher {
namespace {

using profiles::ImportResult;

std::string_view word(ImportResult::Outcome outcome) {
  constexpr std::array<std::string_view, 5> kWords{"created", "updated", "unchanged", "skipped",
                                                   "failed"};
  return kWords.at(static_cast<std::size_t>(outcome));
}

std::string headline(const ImportResult& result) {
  const std::string name = result.name.empty() ? result.source : result.name;
  switch (result.outcome) {
    case ImportResult::Outcome::created:
    case ImportResult::Outcome::updated:
      return fmt::format("{}: {} {} from {}\n", name, word(result.outcome), result.file,
                         result.source);
    case ImportResult::Outcome::unchanged:
      return fmt::format("{}: {} is up to date\n", name, result.file);
    case ImportResult::Outcome::skipped:
      return fmt::format("{}: already imported as {}; -u updates it\n", name, result.file);
    case ImportResult::Outcome::failed:
      break;
  }
  return fmt::format("{}: not imported{}\n", name,
                     result.file.empty() ? "" : fmt::format(", see {}", result.file));
}

}  // namespace

std::string import_text(const std::vector<ImportResult>& results, bool verbose) {
  std::string text;
  for (const ImportResult& result : results) {
    const bool quiet = result.outcome == ImportResult::Outcome::unchanged && !verbose;
    text += headline(result);
    for (const Problem& problem : result.problems) text += to_string(problem) + "\n";
    if (quiet || result.not_carried.empty()) continue;
    text += fmt::format("  not carried over ({}):\n", result.not_carried.size());
    for (const profiles::NotCarried& left : result.not_carried)
      text += fmt::format("    {}: {}\n", left.path, left.reason);
  }
  return text;
}

nlohmann::ordered_json import_json(const std::vector<ImportResult>& results) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const ImportResult& result : results) {
    nlohmann::ordered_json left = nlohmann::ordered_json::array();
    for (const profiles::NotCarried& one : result.not_carried)
      left.push_back({{"path", one.path}, {"reason", one.reason}});
    all.push_back({{"outcome", std::string(word(result.outcome))},
                   {"name", result.name},
                   {"source", result.source},
                   {"file", result.file},
                   {"not_carried", std::move(left)},
                   {"problems", problems_json(result.problems)}});
  }
  return all;
}

}  // namespace kvmrt::launcher
