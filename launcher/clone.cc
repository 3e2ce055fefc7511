// SPDX-License-Identifier: MIT
#include "launcher/clone.h"

#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <vector>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/configured.h"
#include "launcher/devices_lock.h"
#include "launcher/disk_copy.h"
#include "launcher/required.h"
#include "launcher/stat.h"
#include "profiles/file.h"
#include "profiles/store.h"
#include "profiles/text_edit.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using profiles::Disk;
using profiles::Profile;
using Values = std::map<std::string, std::string>;

struct DiskStep {
  std::string key;  ///< "disks[0]"
  std::string from, to, format;
};

/// "line3-root.img" of line3 becomes "line4-root.img", another name gets the VM's before it.
std::string new_image(const std::string& image, const CloneOptions& options) {
  const fs::path path(image);
  std::string name = path.filename();
  if (const auto at = name.find(options.old_name); at != std::string::npos)
    name.replace(at, options.old_name.size(), options.new_name);
  else
    name = options.new_name + "-" + name;
  if (options.overlay) name = fs::path(name).replace_extension(".qcow2");
  return path.parent_path() / name;
}

std::string format_of(const Disk& disk) {
  if (!disk.format.empty()) return disk.format;
  return disk.path.ends_with(".qcow2") ? "qcow2" : "raw";
}

/// Disks that the guest may write; what it only reads is shared.
std::vector<DiskStep> disk_steps(const Profile& profile, const CloneOptions& options) {
  std::vector<DiskStep> steps;
  for (std::size_t i = 0; i < profile.disks.size(); ++i) {
    const Disk& disk = profile.disks[i];
    if (disk.readonly || disk.media == "cdrom" || disk.path.empty()) continue;
    steps.push_back(
        {fmt::format("disks[{}]", i), disk.path, new_image(disk.path, options), format_of(disk)});
  }
  return steps;
}

/// An image that is written meanwhile gives a copy of no moment at all.
void refuse_running(const CloneOptions& options) {
  Problem problem;
  problem.code = "vm-runs";
  problem.vm = options.old_name;
  problem.message = "it runs, and its disks change while they are copied";
  problem.hint = fmt::format("kvmrt-shutdown {}", options.old_name);
  for (const VmStat& vm : gather_stat(options.common, {options.old_name}, false))
    if (vm.qemu_alive || vm.supervised) throw Refused({problem});
}

void check(const std::vector<DiskStep>& steps, bool overlay) {
  Problems problems;
  for (const DiskStep& step : steps) {
    for (Problem& problem : uncopyable(step.from, overlay)) problems.push_back(std::move(problem));
    if (problems.empty() && image_locked(step.from, ImageUse::write))
      problems.push_back({Severity::error,
                          "image-in-use",
                          "",
                          step.key,
                          "another program has the image open; a copy would be of no moment at all",
                          "",
                          {step.from, 0, 0}});
    std::error_code error;
    if (fs::exists(fs::symlink_status(step.to, error)))
      problems.push_back({Severity::error,
                          "file-exists",
                          "",
                          step.key,
                          "the clone's image would be this file, which is there already",
                          "",
                          {step.to, 0, 0}});
  }
  if (has_error(problems)) throw Refused(std::move(problems));
}

/// Where the profile has a path relative to its folder, the clone gets one too.
std::string as_written(const std::string& to, const std::string& folder) {
  return fs::path(to).parent_path() == fs::path(folder) ? fs::path(to).filename().string() : to;
}

Values values_of(const Profile& profile, const std::vector<DiskStep>& steps,
                 const CloneOptions& options) {
  Values values{{"name", options.new_name}};
  if (profiles::is_written(profile, "uuid")) values["uuid"] = profiles::uuid_of(options.new_name);
  for (std::size_t i = 0; i < profile.networks.size(); ++i) {
    const std::string key = fmt::format("networks[{}].mac", i);
    if (profile.networks[i].mac != "auto" && profiles::is_written(profile, key))
      values[key] = "auto";  // made from the name
  }
  for (const DiskStep& step : steps) {
    values[step.key + ".path"] = as_written(step.to, profile.folder);
    if (options.overlay && profiles::is_written(profile, step.key + ".format"))
      values[step.key + ".format"] = "qcow2";
  }
  return values;
}

/// What a user of both must know, since it is the same in both.
void tell_shared(const Profile& profile) {
  const auto tell = [&](const std::string& key, const std::string& what) {
    if (!what.empty()) fmt::print(stderr, "note: both VMs have {}: {}\n", key, what);
  };
  for (const Disk& disk : profile.disks)
    if (disk.readonly || disk.media == "cdrom") tell("the read-only disk", disk.path);
  for (const auto& serial : profile.serial)
    if (serial.type == "file" || serial.type == "socket") tell("serial.path", serial.path);
  for (const auto& network : profile.networks) {
    tell("networks.device", network.type == "tap" ? network.device : "");
    tell("networks.socket", network.socket);
    for (const std::string& forward : network.forward) tell("networks.forward", forward);
  }
  for (const std::string& device : profile.pci) tell("pci", device);
  tell("graphics.listen", profile.graphics.listen);
}

/// Copies that are taken back unless all went well.
class Copies {
 public:
  ~Copies() {
    for (const std::string& file : made_) {
      std::error_code ignored;
      fs::remove(file, ignored);
    }
  }
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  void make(const DiskStep& step, bool overlay) {
    const DiskCopy copy =
        overlay ? overlay_disk(step.from, step.format, step.to) : copy_disk(step.from, step.to);
    made_.push_back(step.to);
    switch (copy.kind) {
      case CopyKind::reflink:
        fmt::print("{}: shares its blocks with {} until one of them writes\n", step.to, step.from);
        return;
      case CopyKind::copy:
        fmt::print("{}: {} copied from {}\n", step.to, to_string(copy.written), step.from);
        return;
      case CopyKind::overlay:
        fmt::print("{}: differences from {}, which must not change any more\n", step.to, step.from);
        return;
    }
  }
  void keep() { made_.clear(); }

 private:
  std::vector<std::string> made_;
};

}  // namespace

void clone_vm(const CloneOptions& options) {
  const Profile found = find_profile(options.old_name, options.common);
  const std::string folder = fs::path(found.place.file).parent_path();
  const std::string path =
      required(profiles::new_profile_path(folder.empty() ? "." : folder, options.new_name));
  refuse_running(options);
  // A file may hold several profiles: places are those in this one's text.
  const std::string text = profiles::document_text(
      required(profiles::read_trusted_file(found.place.file)), found.place.line);
  const Profile old = required(profiles::load_text(text, fs::absolute(found.place.file))).at(0);
  const auto steps = disk_steps(old, options);
  check(steps, options.overlay);
  const std::string made =
      required(profiles::with_values(text, old, values_of(old, steps, options)));
  const Profile fresh = required(profiles::load_text(made, fs::absolute(path))).at(0);
  for (std::size_t i = 0, at = 0; i < fresh.disks.size() && at < steps.size(); ++i)
    if (steps[at].key == fmt::format("disks[{}]", i) && fresh.disks[i].path != steps[at++].to)
      throw Refused({{Severity::error, "cannot-edit", old.name, fmt::format("disks[{}]", i),
                      "its path cannot be changed by itself", "write it in quotes",
                      old.place_of(fmt::format("disks[{}]", i))}});
  Copies copies;
  for (const DiskStep& step : steps) copies.make(step, options.overlay);
  add_profile(options.common, options.new_name, path, made);
  copies.keep();
  tell_shared(fresh);
  fmt::print("{}\n", path);
}

}  // namespace kvmrt::launcher
