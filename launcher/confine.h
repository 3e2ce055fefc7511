// SPDX-License-Identifier: MIT
// What a child process is confined to before it runs its first instruction: values, made by the
// supervisor and handed to spawn().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

#include "base/problem.h"

namespace kvmrt::launcher {

/// Linux capabilities by number (CAP_* of linux/capability.h).
class Capabilities {
 public:
  constexpr Capabilities() = default;
  static constexpr Capabilities of(int capability) { return Capabilities().with(capability); }
  static constexpr Capabilities from_bits(std::uint64_t bits) {
    Capabilities set;
    set.bits_ = bits;
    return set;
  }
  [[nodiscard]] constexpr Capabilities with(int capability) const {
    return from_bits(bits_ | (std::uint64_t{1} << static_cast<unsigned>(capability)));
  }
  [[nodiscard]] constexpr bool has(int capability) const {
    return ((bits_ >> static_cast<unsigned>(capability)) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  friend constexpr bool operator==(Capabilities, Capabilities) = default;

 private:
  std::uint64_t bits_ = 0;
};

/// "cap_ipc_lock,cap_sys_nice"; "none".
std::string to_string(Capabilities set);

/// What this process has now, read through libcap-ng.
struct OwnCapabilities {
  Capabilities effective, permitted, bounding, ambient;
};
OwnCapabilities own_capabilities();

struct Credentials {
  std::string name;  ///< for messages
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary, gid included or not
  friend bool operator==(const Credentials&, const Credentials&) = default;
};

/// The user's ids from the user database, and, when `device` (/dev/kvm) grants its group reading
/// and writing, that group too. Problem "unknown-user" under key security.user.
Checked<Credentials> credentials_of(const std::string& user,
                                    const std::string& device = "/dev/kvm");

struct Limit {
  int resource = RLIMIT_CORE;
  rlim_t soft = 0;
  rlim_t hard = 0;
  friend bool operator==(const Limit&, const Limit&) = default;
};

constexpr Limit unlimited(int resource) { return {resource, RLIM_INFINITY, RLIM_INFINITY}; }

/// How QEMU comes to lock more memory than the default limit allows.
enum class MemlockWay {
  not_needed,
  limit_is_unlimited,  ///< already, and a child inherits it
  raise_limit,         ///< CAP_SYS_RESOURCE: unlimited in the child
  keep_capability,     ///< CAP_IPC_LOCK stays with QEMU, ambient where it is not root
};

/// Whom QEMU runs as and what it may.
struct Confinement {
  std::vector<Limit> limits;
  std::optional<Credentials> user;           ///< nothing: the caller's
  std::optional<Capabilities> capabilities;  ///< nothing: as exec leaves them; else exactly these
  bool no_new_privs = true;
};

/// Limits (memory lock, open files, no core dumps) and capabilities for QEMU.
/// `own`: the supervisor's capabilities; `euid` its effective user.
Confinement confine(MemlockWay way, std::optional<Credentials> user, const OwnCapabilities& own,
                    uid_t euid);

}  // namespace kvmrt::launcher
