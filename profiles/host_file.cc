// SPDX-License-Identifier: MIT
#include "profiles/host_file.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "profiles/file.h"
#include "profiles/keys.h"
#include "profiles/reader.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

using partition::HostPolicy;

Place place_of(const HostPolicy& policy, const std::string& key) {
  const auto found = policy.places.find(key);
  return found == policy.places.end() ? Place{} : found->second;
}

Problems check(const HostPolicy& policy) {
  Problems problems;
  const auto refuse = [&](const std::string& key, std::string code, std::string message) {
    problems.push_back(
        {Severity::error, std::move(code), "", key, std::move(message), "", place_of(policy, key)});
  };
  if (policy.housekeeping && policy.housekeeping->empty())
    refuse("housekeeping", "out-of-range",
           "found an empty set; allowed: none, or at least one CPU");
  for (std::size_t i = 0; i < policy.services.size(); ++i) {
    const partition::Service& service = policy.services[i];
    const std::string key = fmt::format("services[{}].cpus", i);
    if (service.cpus.empty())
      refuse(key, "out-of-range", "found an empty set; a service needs CPUs");
    if (policy.housekeeping && service.cpus.intersects(*policy.housekeeping))
      refuse(key, "service-on-housekeeping",
             fmt::format("{} and housekeeping {} share CPUs; a service owns its own",
                         service.cpus.list(), policy.housekeeping->list()));
    for (std::size_t j = 0; j < i; ++j) {
      if (service.cpus.intersects(policy.services[j].cpus))
        refuse(key, "service-overlap",
               fmt::format("shares CPUs with {}; a service owns its own", policy.services[j].unit));
    }
  }
  return problems;
}

Checked<HostPolicy> read_document(const Node& document) {
  if (!document.is_map())
    return Problem{Severity::error,
                   "wrong-type",
                   "",
                   "",
                   fmt::format("found {}; the host file is a map of keys", described(document)),
                   "",
                   document.place};
  HostPolicy policy;
  Reading reading;
  read_fields(host_keys(), document, &policy, reading);
  policy.places = std::move(reading.places);
  policy.kthread_priorities_named = policy.places.contains("kthread_priorities");
  Problems problems = std::move(reading.problems);
  if (!has_error(problems)) problems = check(policy);
  if (has_error(problems)) return problems;
  return {std::move(policy), std::move(problems)};
}

}  // namespace

Checked<HostPolicy> load_host_text(std::string_view text, const std::string& file_name) {
  Documents documents = parse_yaml(text, file_name);
  Problems problems = std::move(documents.problems);
  if (documents.roots.size() > 1)
    problems.push_back({Severity::error, "yaml-syntax", "", "",
                        "a second document; the host file has one", "", documents.roots[1].place});
  if (documents.roots.empty()) {
    if (has_error(problems)) return problems;
    return HostPolicy();
  }
  auto policy = read_document(documents.roots[0]);
  problems.insert(problems.end(), policy.problems().begin(), policy.problems().end());
  if (has_error(problems)) return problems;
  return {std::move(policy).value(), std::move(problems)};
}

Checked<HostPolicy> load_host_file(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
    return HostPolicy();
  auto text = read_trusted_file(path);
  if (!text) return text.problems();
  return load_host_text(*text, path);
}

}  // namespace kvmrt::profiles
