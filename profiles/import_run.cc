// SPDX-License-Identifier: MIT
#include "profiles/import_run.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "profiles/import/source.h"
#include "profiles/load.h"
#include "profiles/store.h"

namespace kvmrt::profiles {
namespace {

namespace fs = std::filesystem;
using import::Candidate;
using Outcome = ImportResult::Outcome;

struct Present {
  std::map<std::string, std::string> by_uuid;  ///< UUID → file
  std::map<std::string, std::string> by_name;
};

/// What stands in the folder, also of profiles that do not load.
Present look_into(const std::string& folder) {
  Present present;
  for (const StoredProfile& one : stored_profiles(folder)) {
    present.by_name[one.name] = one.file;
    present.by_uuid[one.uuid] = one.file;
  }
  return present;
}

class Importer {
 public:
  explicit Importer(const ImportRequest& request)
      : request_(request), present_(look_into(request.folder)) {}

  ImportResult one(Candidate candidate) {
    ImportResult result;
    result.source = candidate.sources.front().path;
    result.name = candidate.domain.name();
    result.not_carried = std::move(candidate.domain.not_carried);
    result.problems = std::move(candidate.domain.problems);
    if (candidate.domain.uuid().empty())
      candidate.domain.document.at("uuid") = Node::string(uuid_of(result.name));
    const std::string uuid = candidate.domain.uuid();
    if (!seen_.insert(uuid).second)
      return failed(std::move(result), "duplicate-uuid", "another source has the same UUID");
    const auto known = present_.by_uuid.find(uuid);
    if (known == present_.by_uuid.end())
      return request_.create ? create(std::move(result), candidate) : skipped(std::move(result));
    result.file = known->second;
    if (!request_.update) return skipped(std::move(result));
    return update(std::move(result), candidate);
  }

 private:
  static ImportResult failed(ImportResult result, std::string code, std::string message) {
    result.outcome = Outcome::failed;
    result.problems.push_back({Severity::error,
                               std::move(code),
                               result.name,
                               "",
                               std::move(message),
                               "",
                               {result.source, 0, 0}});
    return result;
  }

  static ImportResult skipped(ImportResult result) {
    result.outcome = Outcome::skipped;
    result.not_carried.clear();
    result.problems.clear();
    return result;
  }

  ImportResult create(ImportResult result, const Candidate& candidate) {
    if (const auto named = present_.by_name.find(result.name); named != present_.by_name.end())
      return failed(std::move(result), "duplicate-name",
                    fmt::format("{} has this name and another UUID", named->second));
    result.file = fs::path(request_.folder) / (result.name + ".yaml");
    std::error_code error;
    if (result.name == "host" || fs::exists(result.file, error))
      return failed(std::move(result), "file-exists", "a file of this name is there already");
    result.outcome = Outcome::created;
    const std::string text = imported_text(candidate.domain.document, candidate.sources);
    present_.by_name[result.name] = result.file;
    return install(std::move(result), text);
  }

  ImportResult update(ImportResult result, const Candidate& candidate) {
    const auto before = import::source_text(result.file);
    if (!before) return failed(std::move(result), "cannot-read", "the profile cannot be read");
    if (!origin_of(*before))
      return failed(result, "not-imported",
                    fmt::format("{} was not made by an import; it is left alone", result.file));
    const std::string text = updated_text(*before, candidate.domain.document, candidate.sources);
    result.outcome = text == *before ? Outcome::unchanged : Outcome::updated;
    if (result.outcome == Outcome::unchanged) return result;
    return install(std::move(result), text);
  }

  ImportResult install(ImportResult result, const std::string& text) {
    const auto loaded = load_text(text, result.file);
    result.problems.insert(result.problems.end(), loaded.problems().begin(),
                           loaded.problems().end());
    if (!loaded) {
      result.outcome = Outcome::failed;
      result.file += ".rejected";
    }
    if (request_.dry_run) return result;
    fs::create_directories(request_.folder);
    replace_file(result.file, text, 0644);
    return result;
  }

  const ImportRequest& request_;
  Present present_;
  std::set<std::string> seen_;
};

struct Tracked {
  std::string file;
  Origin origin;
};

std::vector<Tracked> tracked_profiles(const std::string& folder) {
  std::vector<Tracked> tracked;
  std::set<std::string> files;
  const Present present = look_into(folder);
  for (const auto& [uuid, file] : present.by_uuid) files.insert(file);
  for (const std::string& file : files) {
    const auto text = import::source_text(file);
    if (!text) continue;
    if (auto origin = origin_of(*text)) tracked.push_back({file, std::move(*origin)});
  }
  return tracked;
}

std::string file_part(const std::string& source) { return source.substr(0, source.rfind('#')); }

ImportResult vanished(const Tracked& tracked, const std::string& source) {
  ImportResult result;
  result.outcome = Outcome::failed;
  result.source = source;
  result.file = tracked.file;
  result.problems.push_back({Severity::warning,
                             "source-vanished",
                             "",
                             "",
                             fmt::format("its source {} is gone; the profile stays", source),
                             "",
                             {tracked.file, 0, 0}});
  return result;
}

}  // namespace

std::vector<ImportResult> run_import(const ImportRequest& request) {
  import::Gathered gathered = import::gather(request);
  Importer importer(request);
  std::vector<ImportResult> results = std::move(gathered.failures);
  for (Candidate& candidate : gathered.candidates)
    results.push_back(importer.one(std::move(candidate)));
  return results;
}

std::vector<ImportResult> reimport(const ImportRequest& request) {
  std::vector<ImportResult> results;
  ImportRequest again = request;
  again.sources.clear();
  again.update = true;
  again.create = false;
  std::set<std::string> sources;
  std::set<std::string> files;
  for (const Tracked& tracked : tracked_profiles(request.folder)) {
    std::error_code error;
    bool all_there = true;
    for (const ImportSource& source : tracked.origin.sources) {
      const bool there = source.path == "-" || fs::exists(file_part(source.path), error);
      if (!there) results.push_back(vanished(tracked, source.path));
      all_there = all_there && there && source.path != "-";
    }
    if (!all_there) continue;
    files.insert(tracked.file);
    for (const ImportSource& source : tracked.origin.sources)
      sources.insert(file_part(source.path));
  }
  again.sources.assign(sources.begin(), sources.end());
  if (again.sources.empty()) return results;
  for (ImportResult& result : run_import(again)) {
    // A kvmrt.cfg has sections of VMs that were never imported here; those are not asked for.
    const bool ours = result.outcome == Outcome::failed || files.contains(result.file);
    if (ours) results.push_back(std::move(result));
  }
  return results;
}

bool any_failed(const std::vector<ImportResult>& results) {
  return std::any_of(results.begin(), results.end(),
                     [](const ImportResult& result) { return result.outcome == Outcome::failed; });
}

}  // namespace kvmrt::profiles
