// SPDX-License-Identifier: MIT
#include "partition/checks/report.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <map>

#include <nlohmann/json.hpp>

namespace kvmrt::partition::checks {
namespace {

std::string_view group_of(const std::string& id) {
  switch (id.front()) {
    case 'H':
      return "Hardware and firmware";
    case 'K':
      return "Kernel build";
    case 'C':
      return "Kernel command line";
    case 'S':
      return "CPU isolation and SMT";
    case 'I':
      return "Interrupts and network";
    case 'R':
      return "Kernel threads, scheduler, timers";
    case 'P':
      return "Power";
    case 'M':
      return "Memory and limits";
    case 'V':
      return "KVM parameters";
    default:
      return "Other programs";
  }
}

std::string_view colour_of(Status status) {
  switch (status) {
    case Status::ok:
      return "\x1b[32m";
    case Status::warning:
      return "\x1b[33m";
    case Status::failed:
      return "\x1b[31m";
    case Status::unknown:
      return "\x1b[36m";
    case Status::not_applicable:
      break;
  }
  return "\x1b[2m";
}

/// The name in seven columns, so that a table of 80 columns has room for what matters.
std::string_view short_name(Status status) {
  return status == Status::not_applicable ? "n/a" : to_string(status);
}

std::string painted(Status status, const TableStyle& style) {
  const std::string text = fmt::format("{:<7}", short_name(status));
  if (!style.colour) return text;
  return fmt::format("{}{}\x1b[0m", colour_of(status), text);
}

/// Words of `text` in lines of at most `width` columns, later ones behind `indent`.
std::string wrapped(const std::string& text, std::size_t width, const std::string& indent) {
  std::string out, line;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out += line + "\n" + indent;
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return out + line;
}

bool is_shown(const Result& result, const TableStyle& style) {
  return style.all || (result.status != Status::ok && result.status != Status::not_applicable);
}

std::string row(const Result& result, const TableStyle& style) {
  constexpr std::size_t kIndent = 16;
  const std::string indent(kIndent, ' ');
  const std::size_t width = std::max<std::size_t>(style.width, 60) - kIndent;
  std::string text = fmt::format("  {:<4} {}  {}\n", result.id, painted(result.status, style),
                                 wrapped(result.title, width, indent));
  const auto detail = [&](std::string_view name, const std::string& value) {
    if (!value.empty())
      text += indent + wrapped(fmt::format("{} {}", name, value), width, indent + "  ") + "\n";
  };
  if (result.status == Status::not_applicable) {
    detail("not applicable:", result.found);
    return text;
  }
  detail("found ", result.found);
  detail("wanted", result.wanted);
  if (result.status != Status::ok) detail("why   ", result.why);
  return text;
}

std::size_t count_of(std::span<const Result> results, Status status) {
  return static_cast<std::size_t>(
      std::count_if(results.begin(), results.end(),
                    [&](const Result& result) { return result.status == status; }));
}

Status verdict_with(std::span<const Result> results, const Problems& problems) {
  return has_error(problems) ? Status::failed : verdict_of(results);
}

std::string summary(std::span<const Result> results, Status verdict, const TableStyle& style) {
  std::string name(to_string(verdict));
  if (style.colour) name = fmt::format("{}{}\x1b[0m", colour_of(verdict), name);
  std::string text = fmt::format(
      "Verdict: {}\n{} checks: {} ok, {} warnings, {} failed, {} "
      "unknown, {} not applicable\n",
      name, results.size(), count_of(results, Status::ok), count_of(results, Status::warning),
      count_of(results, Status::failed), count_of(results, Status::unknown),
      count_of(results, Status::not_applicable));
  std::string ids;
  for (const Result& result : results) {
    if (result.at_start && result.status == Status::warning)
      ids += (ids.empty() ? "" : ", ") + result.id;
  }
  if (!ids.empty())
    text += wrapped("kvmrt-launch settles these warnings itself at start: " + ids,
                    std::max<std::size_t>(style.width, 60), "  ") +
            "\n";
  return text;
}

struct Fix {
  std::string place, line;
  std::vector<std::string> ids;
};

/// "kernel command line: a=b" falls apart at the first ": "; equal lines are named once.
void add_fix(std::vector<Fix>& fixes, const Result& result) {
  const auto colon = result.fix.find(": ");
  Fix fix{"other", result.fix, {result.id}};
  if (colon != std::string::npos && colon < 60) {
    fix.place = result.fix.substr(0, colon);
    fix.line = result.fix.substr(colon + 2);
  }
  for (Fix& known : fixes) {
    if (known.place == fix.place && known.line == fix.line) {
      known.ids.push_back(result.id);
      return;
    }
  }
  fixes.push_back(std::move(fix));
}

std::string heading_of(const std::string& place) {
  if (place == "kernel command line")
    return "Kernel command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub)";
  if (place == "run") return "Commands";
  if (place == "firmware") return "Firmware";
  if (place == "cpuset") return "Profile, cpuset";
  return place == "other" ? "Other" : place;
}

std::string ids_of(const Fix& fix) {
  std::string ids;
  for (const std::string& id : fix.ids) ids += (ids.empty() ? "" : ",") + id;
  return ids;
}

std::string fixes_of(std::span<const Result> results, const TableStyle& style) {
  std::vector<Fix> fixes;
  for (const Result& result : results) {
    const bool wrong = result.status != Status::ok && result.status != Status::not_applicable;
    if (wrong && !result.fix.empty() && !result.at_start) add_fix(fixes, result);
  }
  std::vector<std::string> places;
  for (const Fix& fix : fixes) {
    if (std::find(places.begin(), places.end(), fix.place) == places.end())
      places.push_back(fix.place);
  }
  const std::size_t width = std::max<std::size_t>(style.width, 60) - 16;
  std::string text = places.empty() ? "" : "\nWhat to change:\n";
  for (const std::string& place : places) {
    text += "  " + heading_of(place) + "\n";
    for (const Fix& fix : fixes) {
      if (fix.place == place)
        text += fmt::format("    {:<10}  {}\n", ids_of(fix),
                            wrapped(fix.line, width, std::string(18, ' ')));
    }
  }
  return text;
}

nlohmann::ordered_json problems_json(const Problems& problems) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Problem& problem : problems)
    list.push_back({{"severity", problem.severity == Severity::error ? "error" : "warning"},
                    {"code", problem.code},
                    {"vm", problem.vm},
                    {"key", problem.key},
                    {"message", problem.message},
                    {"file", problem.place.file},
                    {"line", problem.place.line},
                    {"column", problem.place.column}});
  return list;
}

}  // namespace

std::string as_json(std::span<const Result> results, const Problems& problems) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Result& result : results)
    checks.push_back({{"id", result.id},
                      {"title", result.title},
                      {"status", to_string(result.status)},
                      {"found", result.found},
                      {"wanted", result.wanted},
                      {"why", result.why},
                      {"fix", result.fix},
                      {"at_start", result.at_start}});
  const nlohmann::ordered_json whole{{"verdict", to_string(verdict_with(results, problems))},
                                     {"checks", std::move(checks)},
                                     {"problems", problems_json(problems)}};
  return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_table(std::span<const Result> results, const Problems& problems,
                     const TableStyle& style) {
  std::string text;
  for (const Problem& problem : problems) text += kvmrt::to_string(problem) + "\n";
  if (!text.empty()) text += "\n";
  std::string_view group;
  for (const Result& result : results) {
    if (!is_shown(result, style)) continue;
    if (group != group_of(result.id)) {
      group = group_of(result.id);
      text += fmt::format("{}{}\n", text.empty() || text.ends_with("\n\n") ? "" : "\n", group);
    }
    text += row(result, style);
  }
  if (!text.empty()) text += "\n";
  return text + summary(results, verdict_with(results, problems), style) + fixes_of(results, style);
}

}  // namespace kvmrt::partition::checks
