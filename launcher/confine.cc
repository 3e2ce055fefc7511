// SPDX-License-Identifier: MIT
#include "launcher/confine.h"

#include <algorithm>
#include <cap-ng.h>
#include <cerrno>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

constexpr rlim_t kOpenFiles = 65536;  // vhost queues, many disks; the kernel's hard default is 4096

Capabilities read_set(capng_type_t type) {
  Capabilities set;
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if (capng_have_capability(type, static_cast<unsigned>(capability)) == 1)
      set = set.with(capability);
  return set;
}

/// All groups of the user, by the group database.
std::vector<gid_t> groups_of(const passwd& entry) {
  std::vector<gid_t> groups(32);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0)
    groups.resize(static_cast<std::size_t>(std::max<int>(count, 1)));
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

/// The group through which a device is opened, if there is one.
std::optional<gid_t> group_with_access(const std::string& device) {
  struct stat facts {};
  if (device.empty() || ::stat(device.c_str(), &facts) != 0) return std::nullopt;
  constexpr mode_t kBoth = S_IRGRP | S_IWGRP;
  if ((facts.st_mode & kBoth) != kBoth || facts.st_gid == 0) return std::nullopt;
  return facts.st_gid;
}

Limit open_files_limit() {
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  return {RLIMIT_NOFILE, std::min(now.rlim_max, std::max(now.rlim_cur, kOpenFiles)), now.rlim_max};
}

}  // namespace

std::string to_string(Capabilities set) {
  std::string text;
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (!set.has(capability)) continue;
    const char* name = capng_capability_to_name(static_cast<unsigned>(capability));
    text += fmt::format("{}cap_{}", text.empty() ? "" : ",",
                        name ? name : std::to_string(capability).c_str());
  }
  return text.empty() ? "none" : text;
}

OwnCapabilities own_capabilities() {
  capng_clear(CAPNG_SELECT_ALL);
  capng_get_caps_process();
  return {read_set(CAPNG_EFFECTIVE), read_set(CAPNG_PERMITTED), read_set(CAPNG_BOUNDING_SET),
          read_set(CAPNG_AMBIENT)};
}

Checked<Credentials> credentials_of(const std::string& user, const std::string& device) {
  errno = 0;
  const passwd* entry = ::getpwnam(user.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  if (entry == nullptr)
    return Problem{Severity::error,
                   "unknown-user",
                   "",
                   "security.user",
                   fmt::format("there is no user \"{}\" on this host", user),
                   fmt::format("adduser --system --no-create-home --group {}", user),
                   {}};
  Credentials credentials{user, entry->pw_uid, entry->pw_gid, groups_of(*entry)};
  const auto group = group_with_access(device);
  if (group && std::ranges::find(credentials.groups, *group) == credentials.groups.end())
    credentials.groups.push_back(*group);
  return credentials;
}

Confinement confine(MemlockWay way, std::optional<Credentials> user, const OwnCapabilities& own,
                    uid_t euid) {
  Confinement confinement;
  confinement.limits = {{RLIMIT_CORE, 0, 0}, open_files_limit()};
  if (way == MemlockWay::raise_limit) confinement.limits.push_back(unlimited(RLIMIT_MEMLOCK));
  Capabilities kept;
  if (way == MemlockWay::keep_capability) kept = kept.with(CAP_IPC_LOCK);
  const bool changes_user = user && user->uid != euid;
  // Root keeps what exec gives it; anyone else loses all that is not ambient, so it must be made
  // so.
  if (changes_user || (euid != 0 && (!own.permitted.empty() || !kept.empty())))
    confinement.capabilities = kept;
  confinement.user = std::move(user);
  return confinement;
}

}  // namespace kvmrt::launcher
