// SPDX-License-Identifier: MIT
#include "launcher/problem_json.h"

#include <nlohmann/json.hpp>

namespace kvmrt::launcher {

using nlohmann::ordered_json;

ordered_json problem_json(const Problem& problem) {
  ordered_json json;
  json["severity"] = problem.severity == Severity::error ? "error" : "warning";
  json["code"] = problem.code;
  json["vm"] = problem.vm;
  json["key"] = problem.key;
  json["message"] = problem.message;
  json["file"] = problem.place.file;
  json["line"] = problem.place.line;
  json["column"] = problem.place.column;
  json["hint"] = problem.hint;
  return json;
}

ordered_json problems_json(const Problems& problems) {
  ordered_json list = ordered_json::array();
  for (const Problem& problem : problems) list.push_back(problem_json(problem));
  return list;
}

std::string json_text(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace kvmrt::launcher
