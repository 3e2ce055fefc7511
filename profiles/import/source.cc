// SPDX-License-Identifier: MIT
#include "profiles/import/source.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <iterator>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::profiles::import {
namespace {

namespace fs = std::filesystem;

bool looks_like_xml(std::string_view text) {
  return trimmed(text).starts_with("<") || text.starts_with("\xEF\xBB\xBF<");
}

/// libvirt's own marks: a link in autostart/, a status file while the VM runs.
void tell_what_libvirt_does(const ImportRequest& request, const fs::path& xml, Imported& domain) {
  std::error_code ignored;
  const std::string file = xml.filename();
  const bool autostarts = fs::exists(xml.parent_path() / "autostart" / file, ignored);
  const auto warn = [&](std::string code, std::string message, std::string hint) {
    domain.problems.push_back({Severity::warning,
                               std::move(code),
                               domain.name(),
                               "",
                               std::move(message),
                               std::move(hint),
                               {xml.string(), 0, 0}});
  };
  if (autostarts)
    warn("libvirt-autostarts", "libvirt starts this VM when the host boots",
         fmt::format("virsh autostart --disable {}", xml.stem().string()));
  if (fs::exists(fs::path(request.libvirt_run_folder) / file, ignored))
    warn("libvirt-runs", "libvirt runs this VM now; one disk must not serve two",
         fmt::format("virsh shutdown {}", xml.stem().string()));
  domain.document.at("autostart") = Node::plain(autostarts ? "true" : "false");
}

class Gatherer {
 public:
  explicit Gatherer(const ImportRequest& request) : request_(request) {}

  Gathered run() {
    if (request_.sources.empty()) folder(request_.libvirt_folder, true);
    for (const std::string& source : request_.sources) one(source);
    for (const auto& [section, file] : sections_) join_section(section, file);
    return std::move(result_);
  }

 private:
  void one(const std::string& source) {
    std::error_code error;
    if (source != "-" && fs::is_directory(source, error)) return folder(source, false);
    auto text = source_text(source);
    if (!text) return fail(source, text.problems());
    if (looks_like_xml(*text)) {
      xml(*text, source);
    } else {
      cfg(*text, source);
    }
  }

  void folder(const std::string& path, bool is_libvirts) {
    std::vector<std::string> files;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      if (at->path().extension() == ".xml") files.push_back(at->path());
    }
    if (error) {
      const std::string hint =
          is_libvirts ? "name the XML files: kvmrt import FILE…" : std::string();
      return fail(path,
                  {{Severity::error, "cannot-read", "", "", error.message(), hint, {path, 0, 0}}});
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) one(file);
  }

  void xml(const std::string& text, const std::string& source) {
    Imported domain = import_libvirt(text, source);
    if (!domain.ok()) return fail(source, std::move(domain.problems));
    if (source != "-") tell_what_libvirt_does(request_, fs::absolute(source), domain);
    result_.candidates.push_back({std::move(domain), {{path_of(source), fingerprint_of(text)}}});
  }

  void cfg(const std::string& text, const std::string& source) {
    Cfg cfg = read_kvmrt_cfg(text, source);
    if (!cfg.problems.empty()) fail(source, std::move(cfg.problems));
    for (CfgSection& section : cfg.sections) sections_.emplace_back(std::move(section), source);
  }

  void join_section(const CfgSection& section, const std::string& file) {
    Candidate* candidate = find(section.uuid);
    if (candidate == nullptr) {
      search_libvirts_folder();
      if (const auto found = elsewhere_.find(section.uuid); found != elsewhere_.end()) {
        xml(source_text(found->second).value(), found->second);
        candidate = find(section.uuid);
      }
    }
    if (candidate == nullptr)
      return fail(file, {{Severity::error, "missing-xml", "", "uuid",
                          fmt::format("there is no domain XML with the UUID {}", section.uuid),
                          "name its file too", section.place}});
    join(candidate->domain, section);
    candidate->sources.push_back(
        {fmt::format("{}#{}", path_of(file), section.uuid), fingerprint_of(as_text(section))});
  }

  Candidate* find(const std::string& uuid) {
    for (Candidate& candidate : result_.candidates) {
      if (candidate.domain.uuid() == uuid) return &candidate;
    }
    return nullptr;
  }

  /// UUID → file of the domains that nobody named but that a section may belong to.
  void search_libvirts_folder() {
    if (searched_) return;
    searched_ = true;
    std::error_code error;
    for (fs::directory_iterator at(request_.libvirt_folder, error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().extension() != ".xml") continue;
      const auto text = source_text(at->path());
      if (!text) continue;
      const Imported domain = import_libvirt(*text, at->path());
      if (domain.ok() && !domain.uuid().empty()) elsewhere_[domain.uuid()] = at->path();
    }
  }

  void fail(const std::string& source, Problems problems) {
    ImportResult result;
    result.source = source;
    result.problems = std::move(problems);
    result_.failures.push_back(std::move(result));
  }

  static std::string path_of(const std::string& source) {
    std::error_code error;
    if (source == "-") return source;
    const fs::path absolute = fs::absolute(source, error);
    return error ? source : absolute.lexically_normal().string();
  }

  const ImportRequest& request_;
  Gathered result_;
  std::vector<std::pair<CfgSection, std::string>> sections_;
  std::map<std::string, std::string> elsewhere_;
  bool searched_ = false;
};

Checked<std::string> standard_input() {
  std::string text;
  for (char c = 0; std::cin.get(c) && text.size() <= kLongestXml;) text += c;
  return text;
}

}  // namespace

Gathered gather(const ImportRequest& request) { return Gatherer(request).run(); }

Checked<std::string> source_text(const std::string& path) {
  if (path == "-") return standard_input();
  try {
    return read_file(path, Bytes(kLongestXml));
  } catch (const SystemError& error) {
    return Problem{Severity::error, "cannot-read", "", "", error.what(), "", {path, 0, 0}};
  }
}

}  // namespace kvmrt::profiles::import
