// SPDX-License-Identifier: MIT
// What QEMU's monitor tells, as plain values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"

namespace kvmrt::qmp {

struct Version {
  int major = 0;
  int minor = 0;
  int micro = 0;
  std::string package;  ///< of the distribution, e.g. "Debian 1:7.2+dfsg-7+deb12u18"; may be ""
  friend auto operator<=>(const Version&, const Version&) = default;
};

struct Greeting {
  Version version;
  std::vector<std::string> capabilities;  ///< e.g. "oob"
};

struct RunState {
  std::string status;  ///< "prelaunch", "running", "paused", "io-error", "guest-panicked", …
  bool running = false;
};

struct VcpuThread {
  int cpu_index = -1;
  Tid tid;
  std::string qom_path;
  std::map<std::string, int> props;  ///< "core-id", "socket-id", "node-id", …; all optional
};

struct IothreadInfo {
  std::string id;
  Tid tid;
};

struct KvmState {
  bool enabled = false;  ///< this guest runs on KVM
  bool present = false;  ///< this QEMU was built with it
};

/// A place for a vCPU: pass `type` as driver and `props` as properties to device_add.
struct HotpluggableCpu {
  std::string type;
  std::map<std::string, int> props;
  int vcpus_count = 1;
  std::string qom_path;  ///< "" when the place is free
};

}  // namespace kvmrt::qmp
