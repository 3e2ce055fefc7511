// SPDX-License-Identifier: MIT
#include "launcher/edit.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <set>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/blueprint.h"
#include "launcher/planning.h"
#include "launcher/several.h"
#include "launcher/sync.h"
#include "launcher/tool.h"
#include "profiles/host_file.h"
#include "profiles/load.h"
#include "profiles/store.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

Refused which_file(const std::string& config, const std::vector<std::string>& names) {
  Problem problem;
  problem.code = "which-vm";
  problem.message = fmt::format("{} has several profiles: {}", config, fmt::join(names, ", "));
  problem.hint = "name one: kvmrt-edit-config NAME";
  return Refused({problem});
}

/// By the name in it, also of a profile that does not load: such a one is to be put right.
std::string file_to_edit(const EditOptions& options) {
  if (options.host) return host_file_of(options.common.config);
  std::vector<std::string> names;
  std::set<std::string> files;
  for (const profiles::StoredProfile& one : profiles::stored_profiles(options.common.config)) {
    if (one.name == options.name) return one.file;
    names.push_back(one.name);
    files.insert(one.file);
  }
  // A file that is no YAML is found by its own name.
  const auto all = profiles::profile_files(options.common.config);
  if (!all) throw Refused(all.problems());
  for (const std::string& file : *all) {
    if (!options.name.empty() && fs::path(file).stem() == options.name) return file;
    files.insert(file);
  }
  if (!options.name.empty())
    throw Refused({no_such_vm(options.name, options.common.config, names)});
  if (files.size() == 1) return *files.begin();
  if (files.empty()) throw Refused({no_such_vm("", options.common.config, names)});
  throw which_file(options.common.config, names);
}

/// A copy that an editor may change, beside nothing that reads profiles.
class Copy {
 public:
  Copy(const std::string& file, std::string_view text) {
    std::string folder = fs::temp_directory_path() / "kvmrt-edit.XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw_errno("create", folder);
    folder_ = folder;
    path_ = folder_ / fs::path(file).filename();
    try {
      replace_file(path_, text, 0600, Sync::no);
    } catch (const SystemError&) {
      remove();
      throw;
    }
  }
  ~Copy() {
    if (!kept_) remove();
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  [[nodiscard]] const std::string& path() const { return path_.native(); }
  [[nodiscard]] std::string text() const { return read_file(path_); }
  void keep() { kept_ = true; }

 private:
  void remove() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path folder_, path_;
  bool kept_ = false;
};

std::string editor() {
  for (const char* variable : {"VISUAL", "EDITOR"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return "sensible-editor";  // Debian's choice
}

/// By the shell, since the variables may hold arguments.
int open_editor(const std::string& path) {
  return run_tool({"/bin/sh", "-c", editor() + " \"$1\"", "sh", path});
}

/// What is wrong with this text as the file, and with all profiles if it were in place.
Problems judge(const EditOptions& options, const std::string& file, std::string_view text) {
  if (options.host) return profiles::load_host_text(text, file).problems();
  profiles::Usable all =
      profiles::load_usable(options.common.config, profiles::Instead{file, std::string(text)});
  return plan_configuration(options.common, std::move(all)).problems;
}

/// Problems by which `found` is worse than `before`, and all of the file itself.
Problems errors_of(const Problems& found, const Problems& before, const std::string& file) {
  Problems errors;
  const auto known = [&](const Problem& problem) {
    return std::any_of(before.begin(), before.end(), [&](const Problem& old) {
      return old.code == problem.code && old.vm == problem.vm && old.key == problem.key;
    });
  };
  for (const Problem& problem : found) {
    if (problem.severity != Severity::error) continue;
    if (problem.place.file == file || !known(problem)) errors.push_back(problem);
  }
  return errors;
}

/// False at the end of input, and where there is nobody to ask.
bool wants_to_edit_again() {
  while (::isatty(STDIN_FILENO) != 0) {
    fmt::print(stderr, "What now? (e)dit again, (a)bandon the changes: ");
    std::fflush(stderr);
    std::string answer;
    if (!std::getline(std::cin, answer)) return false;
    if (answer == "e" || answer == "edit") return true;
    if (answer == "a" || answer == "abandon") return false;
  }
  return false;
}

int abandoned(const std::string& file, ExitCode code) {
  fmt::print(stderr, "{} is unchanged\n", file);
  return static_cast<int>(code);
}

int put_in_place(const EditOptions& options, const profiles::EditedFile& file, Copy& copy,
                 const std::string& text) {
  if (!file.install(text)) {
    copy.keep();
    fmt::print(stderr, "{} was changed by someone else meanwhile; your version is {}\n",
               file.path(), copy.path());
    return static_cast<int>(ExitCode::refused);
  }
  fmt::print("{}: changed\n", file.path());
  return sync_after_change(options.common);
}

}  // namespace

int edit_config(const EditOptions& options) {
  const auto file = profiles::EditedFile::open(file_to_edit(options));
  if (!file) throw Refused(file.problems());
  Copy copy(file->path(), file->text());
  const Problems before = judge(options, file->path(), file->text());
  for (;;) {
    if (const int code = open_editor(copy.path()); code != 0) {
      fmt::print(stderr, "the editor ended with {}\n", code);
      return abandoned(file->path(), ExitCode::failed);
    }
    const std::string text = copy.text();
    if (text == file->text()) {
      fmt::print("{}: nothing changed\n", file->path());
      return static_cast<int>(ExitCode::done);
    }
    const Problems found = judge(options, file->path(), text);
    for (const Problem& problem : found) fmt::print(stderr, "{}\n", to_string(problem));
    if (errors_of(found, before, file->path()).empty())
      return put_in_place(options, *file, copy, text);
    if (!wants_to_edit_again()) return abandoned(file->path(), ExitCode::refused);
  }
}

}  // namespace kvmrt::launcher
