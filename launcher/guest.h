// SPDX-License-Identifier: MIT
// A QEMU that was started stopped: its threads found over QMP, put in their places, proven, and
// only then let run. All effects on the guest go through here; what to do when is the supervisor's.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/fd.h"
#include "launcher/placement.h"
#include "launcher/process.h"
#include "launcher/proof.h"
#include "launcher/threads.h"
#include "partition/plan.h"
#include "qmp/client.h"

namespace kvmrt::launcher {

/// Something did not read back as it was wanted: exit 4.
class NotAsPlanned : public std::runtime_error {
 public:
  explicit NotAsPlanned(const std::string& what) : std::runtime_error(what) {}
};

struct GuestWishes {
  partition::VmPlan plan;
  int nr_vcpus = 1;    ///< must be there; those behind them may be
  int most_vcpus = 1;  ///< more than nr_vcpus: vCPUs may be plugged in
  std::vector<std::string> iothreads;
  MemoryWish memory;
  bool kvm = false;
  bool recovery_thread = false;  ///< KVM makes one by the first run (kvm_makes_recovery_thread)
  std::chrono::milliseconds start_limit{0};  ///< until the greeting
};

class Guest {
 public:
  /// `monitor`: connected to QEMU's QMP socket.
  Guest(boost::asio::io_context& io, ProcessId qemu, Fd monitor, GuestWishes wishes);
  ~Guest();
  Guest(Guest&&) = delete;
  Guest& operator=(Guest&&) = delete;

  /// Waits until QEMU is made and its memory locked; find_threads' questions are on their way
  /// then. Throws QmpError.
  boost::asio::awaitable<qmp::Greeting> greet();

  /// Asks for vCPU and iothread ids and checks them against the kernel's list. Throws NotAsPlanned.
  boost::asio::awaitable<void> find_threads();

  /// Affinity and policy of every thread, then everything read back. Throws NotAsPlanned,
  /// SystemError.
  void place_and_prove(Promotion promotion);

  /// Has QEMU write a line to its standard error when the guest powers itself off: the run state is
  /// the same after a reboot, and events are lost while nobody listens. Asked by greet();
  /// the answer may be awaited once. False: this QEMU cannot.
  boost::asio::awaitable<bool> note_power_offs();

  boost::asio::awaitable<void> resume();

  /// Resets a guest that came to an end, proves its placement again and resumes it. QEMU's threads
  /// outlive a reset.
  boost::asio::awaitable<void> restart(Promotion promotion);

  /// One thread that was not as planned, and what was found.
  struct Repair {
    ThreadSetting setting;
    std::string found;
    bool known = false;  ///< it had been in place before: somebody moved it
  };
  /// Places threads that are new or were moved. Throws NotAsPlanned when one cannot be put right.
  std::vector<Repair> sweep(Promotion promotion);

  /// KVM's recovery thread is still to come, or not yet seen.
  [[nodiscard]] bool awaits_recovery_thread() const;

  /// Takes the vCPUs' real-time policy away; their CPUs stay. What fails is left as it is: QEMU may
  /// be ending.
  void demote();

  /// The threads with what is wanted of each, as found last.
  [[nodiscard]] const std::vector<ThreadSetting>& settings() const { return settings_; }
  [[nodiscard]] const ReportedThreads& reported() const { return reported_; }
  [[nodiscard]] const ProcessId& qemu() const { return qemu_; }
  [[nodiscard]] qmp::Client& monitor() { return monitor_; }
  [[nodiscard]] const GuestWishes& wishes() const { return wishes_; }

 private:
  struct Asked;
  [[nodiscard]] std::vector<Thread> classified(const AllThreads& seen) const;

  boost::asio::io_context& io_;
  ProcessId qemu_;
  GuestWishes wishes_;
  qmp::Client monitor_;
  ReportedThreads reported_;
  std::vector<ThreadSetting> settings_;
  std::unique_ptr<Asked> asked_;  ///< between greet() and find_threads()
  std::optional<boost::asio::awaitable<bool>> noted_;
};

/// The table that is shown before the guest runs: one line per thread, with a head line.
std::string thread_table(const std::vector<ThreadSetting>& settings,
                         const std::vector<ThreadFacts>& actual);

}  // namespace kvmrt::launcher
