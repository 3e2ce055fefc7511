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
  if (profile.topology_auto) profile.topology = {1, profile.most_vcpus(), 1};
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

/// One file's part. Without a syntax error each document stands for itself.
Usable read_documents(std::string_view text, const std::string& file_name,
                      const std::string& folder, const Overrides& overrides) {
  Documents documents = parse_yaml(text, file_name);
  Usable usable;
  const bool readable = !has_error(documents.problems);
  usable.problems = std::move(documents.problems);
  if (documents.roots.empty() && usable.problems.empty())
    usable.problems.push_back({Severity::error,
                               "empty-file",
                               "",
                               "",
                               "there is no profile in it",
                               "'kvmrt create NAME' makes one",
                               {file_name, 1, 1}});
  for (Node& root : documents.roots) {
    Problems wrong;
    if (root.is_map()) wrong = apply_overrides(root, overrides);
    auto profile = read_profile(root, folder);
    const bool good = readable && profile && !has_error(wrong);
    append(usable.problems, std::move(wrong));
    append(usable.problems, profile.problems());
    if (good)
      usable.profiles.push_back(std::move(profile).value());
    else if (const std::string name = name_in(root); !name.empty())
      usable.broken.push_back(name);
  }
  return usable;
}

Usable read_one_file(const std::string& path, const Overrides& overrides) {
  const auto text = read_trusted_file(path);
  if (!text) return {{}, {}, text.problems()};
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return read_documents(*text, path, error ? fs::path(path).parent_path() : absolute.parent_path(),
                        overrides);
}

/// Of one file: its own duplicates are among its problems, in the order of the lines.
Checked<std::vector<Profile>> whole(Usable usable) {
  append(usable.problems, duplicates(usable.profiles));
  sort_by_place(usable.problems);
  if (has_error(usable.problems)) return std::move(usable.problems);
  return {std::move(usable.profiles), std::move(usable.problems)};
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

/// Of two VMs with one name none is meant; of two with one UUID the second is a mistake.
void drop_duplicates(Usable& usable) {
  Problems found = duplicates(usable.profiles);
  for (const Problem& problem : found) {
    std::erase_if(usable.profiles, [&](const Profile& p) { return p.name == problem.vm; });
    usable.broken.push_back(problem.vm);
  }
  append(usable.problems, std::move(found));
}

template <class Read>
Usable load_each(const std::string& path, const Read& read) {
  const auto files = profile_files(path);
  if (!files) return {{}, {}, files.problems()};
  Usable all;
  for (const std::string& file : *files) {
    Usable one = read(file);
    sort_by_place(one.problems);
    append(all.problems, std::move(one.problems));
    std::move(one.profiles.begin(), one.profiles.end(), std::back_inserter(all.profiles));
    std::move(one.broken.begin(), one.broken.end(), std::back_inserter(all.broken));
  }
  drop_duplicates(all);
  return all;
}

std::string at_place(const Place& place) {
  return place.line > 0 ? fmt::format("{}:{}", place.file, place.line) : place.file;
}

}  // namespace

Checked<std::vector<Profile>> load_text(std::string_view text, const std::string& file_name,
                                        const Overrides& overrides) {
  return whole(read_documents(text, file_name, fs::path(file_name).parent_path(), overrides));
}

Checked<std::vector<Profile>> load_file(const std::string& path, const Overrides& overrides) {
  return whole(read_one_file(path, overrides));
}

Checked<std::vector<std::string>> profile_files(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<std::string>{path};
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (is_profile_file(at->path())) files.push_back(at->path());
  }
  if (error) return unreadable(path, error);
  std::sort(files.begin(), files.end());
  return files;
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

Usable load_usable(const std::string& path, const Overrides& overrides) {
  return load_each(path, [&](const std::string& file) { return read_one_file(file, overrides); });
}

Usable load_usable(const std::string& path, const Instead& instead) {
  return load_each(path, [&](const std::string& file) {
    std::error_code error;
    if (!fs::equivalent(file, instead.file, error)) return read_one_file(file, {});
    return read_documents(instead.text, instead.file, fs::path(instead.file).parent_path(), {});
  });
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
