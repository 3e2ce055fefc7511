// SPDX-License-Identifier: MIT
// The host's settings behind one small interface, so that the same code runs on the real machine,
// on a captured one below a root prefix, and on one in memory that fails where a test wants.
// Observations throw nothing for what is absent or unreadable; effects answer 0 or an errno.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "partition/cpuset.h"
#include "partition/lease.h"
#include "partition/request.h"

namespace kvmrt::partition {

/// One thread of the host, kernel threads included.
struct Task {
  Tid tid;
  Pid process;                   ///< thread group
  Pid parent;                    ///< of the process; 0 for init and kthreadd
  std::uint64_t start_time = 0;  ///< clock ticks since boot; with tid an identity
  std::string comm;              ///< for messages and for per-CPU kernel threads ("rcuc/3")
  bool kernel = false;           ///< PF_KTHREAD
  bool movable = true;           ///< PF_NO_SETAFFINITY is not set
  CpuSet cpus;
  bool known_policy = true;  ///< false: deadline, batch or idle, which are left alone
  Scheduling scheduling;
  friend bool operator==(const Task&, const Task&) = default;
};

class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  /// The text of a file as it is, nothing when it is absent or may not be read.
  virtual std::optional<std::string> read(const std::string& path) = 0;
  /// The names in a folder, sorted; none when there is no such folder.
  virtual std::vector<std::string> list(const std::string& folder) = 0;
  virtual std::vector<Task> tasks() = 0;
  virtual std::optional<Task> task(Tid tid) = 0;
  virtual bool alive(const ProcessId& process) = 0;

  virtual int write(const std::string& path, const std::string& text) = 0;
  virtual int make_folder(const std::string& path) = 0;
  virtual int remove_folder(const std::string& path) = 0;
  virtual int set_affinity(Tid task, const CpuSet& cpus) = 0;
  virtual int set_scheduling(Tid task, const Scheduling& scheduling) = 0;
  /// SIGKILL through a pidfd; returns when the process is gone. 0 also when it was not there.
  virtual int end_process(const ProcessId& process) = 0;
  /// One request to a local socket ("@name": abstract), its answer into `answer`.
  virtual int ask(const std::string& socket, const std::string& request, std::string& answer) = 0;

  /// The ledger. Atomic and synced; throws SystemError.
  virtual void replace(const std::filesystem::path& path, const std::string& text) = 0;
  virtual void remove(const std::filesystem::path& path) = 0;
};

/// The machine we run on, or what was captured of one below `root`.
std::shared_ptr<Host> this_host(const std::filesystem::path& root = "/");

}  // namespace kvmrt::partition
