// SPDX-License-Identifier: MIT
#include "profiles/load.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <tuple>
#include <utility>

#include "profiles/file.h"
#include "profiles/keys.h"
#include "profiles/overrides.h"
#include "profiles/reader.h"
#include "profiles/rules.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

namespace fs = std::filesystem;

void append(Problems& to, Problems more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

void sort_by_place(Problems& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
}

/// What stands in no file but follows from what does.
void resolve(Profile& profile) {
  if (profile.uuid.empty()) profile.uuid = uuid_of(profile.name);
  if (profile.topology_auto) profile.topology = {1, profile.nr_vcpus, 1};
  if (profile.rt_memory_auto) profile.rt_memory = profile.rt;
}

std::string name_in(const Node& document) {
  const Node* name = document.find("name");
  return name != nullptr && name->is_scalar() && name->text.size() <= 64 ? name->text : "";
}

Checked<Profile> read_profile(const Node& document, const std::string& folder) {
  Reading reading{.vm = name_in(document), .folder = folder, .problems = {}, .places = {}};
  Profile profile;
  profile.folder = folder;
  profile.place = document.place;
  if (!document.is_map()) {
    reading.problems.push_back(
        {Severity::error, "wrong-type", "", "",
         fmt::format("found {}; a profile is a map of keys", described(document)), "",
         document.place});
    return std::move(reading.problems);
  }
  read_fields(profile_keys(), document, &profile, reading);
  profile.places = std::move(reading.places);
  const Node* name = document.find("name");
  if (name == nullptr || name->is_null())
    reading.problems.push_back(
        {Severity::error, "missing-key", "", "name", "a profile needs a name", "", document.place});
  resolve(profile);
  if (!has_error(reading.problems)) append(reading.problems, check_rules(profile));
  if (has_error(reading.problems)) return std::move(reading.problems);
  return {std::move(profile), std::move(reading.problems)};
}

Checked<std::vector<Profile>> load_documents(std::string_view text, const std::string& file_name,
                                             const std::string& folder,
                                             const Overrides& overrides) {
  Documents documents = parse_yaml(text, file_name);
  Problems problems = std::move(documents.problems);
  if (documents.roots.empty() && problems.empty())
    problems.push_back({Severity::error,
                        "empty-file",
                        "",
                        "",
                        "there is no profile in it",
                        "'kvmrt create NAME' makes one",
                        {file_name, 1, 1}});
  std::vector<Profile> profiles;
  for (Node& root : documents.roots) {
    if (root.is_map()) append(problems, apply_overrides(root, overrides));
    auto profile = read_profile(root, folder);
    append(problems, profile.problems());
    if (profile) profiles.push_back(std::move(profile).value());
  }
  append(problems, duplicates(profiles));
  sort_by_place(problems);
  if (has_error(problems)) return problems;
  return {std::move(profiles), std::move(problems)};
}

bool is_profile_file(const fs::path& path) {
  const std::string extension = path.extension();
  const std::string name = path.filename();
  return (extension == ".yaml" || extension == ".yml") && name.front() != '.' &&
         name != "host.yaml" && name != "host.yml";
}

Problem unreadable(const std::string& path, const std::error_code& error) {
  return {Severity::error, "cannot-read", "", "", error.message(), "", {path, 0, 0}};
}

Checked<std::vector<std::string>> profile_files(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (is_profile_file(at->path())) files.push_back(at->path());
  }
  if (error) return unreadable(path, error);
  std::sort(files.begin(), files.end());
  return files;
}

std::string at_place(const Place& place) {
  return place.line > 0 ? fmt::format("{}:{}", place.file, place.line) : place.file;
}

}  // namespace

Checked<std::vector<Profile>> load_text(std::string_view text, const std::string& file_name,
                                        const Overrides& overrides) {
  return load_documents(text, file_name, fs::path(file_name).parent_path(), overrides);
}

Checked<std::vector<Profile>> load_file(const std::string& path, const Overrides& overrides) {
  auto text = read_trusted_file(path);
  if (!text) return text.problems();
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return load_documents(*text, path, error ? fs::path(path).parent_path() : absolute.parent_path(),
                        overrides);
}

Checked<std::vector<Profile>> load_folder(const std::string& path) {
  const auto files = profile_files(path);
  if (!files) return files.problems();
  Problems problems;
  std::vector<Profile> all;
  for (const std::string& file : *files) {
    auto profiles = load_file(file);
    append(problems, profiles.problems());
    if (profiles)
      std::move(profiles.value().begin(), profiles.value().end(), std::back_inserter(all));
  }
  append(problems, duplicates(all));
  if (has_error(problems)) return problems;
  return {std::move(all), std::move(problems)};
}

Checked<std::vector<Profile>> load(const std::string& path, const Overrides& overrides) {
  std::error_code error;
  if (fs::is_directory(path, error)) return load_folder(path);
  return load_file(path, overrides);
}

Problems duplicates(const std::vector<Profile>& profiles) {
  Problems problems;
  std::map<std::string, const Profile*> names;
  std::map<std::string, const Profile*> uuids;
  const auto check = [&](auto& seen, const std::string& what, const char* key, const char* code,
                         const Profile& profile) {
    const auto [first, is_new] = seen.try_emplace(what, &profile);
    if (is_new) return;
    problems.push_back({Severity::error, code, profile.name, key,
                        fmt::format("'{}' is also that of {} ({}); each VM has its own", what,
                                    first->second->name, at_place(first->second->place_of(key))),
                        "", profile.place_of(key)});
  };
  for (const Profile& profile : profiles) {
    check(names, profile.name, "name", "duplicate-name", profile);
    // A second VM of the same name has the same derived UUID; one problem says it all.
    if (names.at(profile.name) == &profile)
      check(uuids, profile.uuid, "uuid", "duplicate-uuid", profile);
  }
  return problems;
}

}  // namespace kvmrt::profiles
