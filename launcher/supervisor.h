// SPDX-License-Identifier: MIT
// From a stopped QEMU to its end: proves, lets the guest run, watches, keeps the placement, stops
// when asked, and tells how it ended. One io_context, one thread, driven by events; the only thing
// done periodically is the slow check for drift.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/fd.h"
#include "launcher/agent.h"
#include "launcher/console.h"
#include "launcher/deadman_thread.h"
#include "launcher/guest.h"
#include "launcher/lifecycle.h"
#include "launcher/noise/watch.h"
#include "launcher/state_folder.h"
#include "launcher/text_watch.h"
#include "launcher/vm_state.h"
#include "partition/keeper.h"
#include "profiles/profile.h"
#include "qmp/message.h"
#include "qmp/proxy.h"

namespace kvmrt::launcher {

/// What a supervisor is given.
struct Charge {
  profiles::Profile profile;
  GuestWishes wishes;
  VmFolder folder;
  VmState state;  ///< as written last; status starting
  ProcessId qemu;
  std::optional<ProcessId> tpm;  ///< swtpm, where the guest has a TPM
  Fd pidfd;
  Fd monitor;            ///< connected QMP socket
  Fd console;            ///< our end of the guest's first serial port; none: it goes to its log
  bool adopted = false;  ///< QEMU runs already
  bool child = false;    ///< adopted, and yet our child: started by the program before us
  int lock = -1;         ///< of the VM, held as long as the supervisor runs
  std::vector<std::string> arguments;  ///< for the program that replaces this one; empty: none may
  bool console_on_terminal = false;
  bool verbose = false;
};

/// How long QEMU may be silent: $KVMRT_DEADMAN in seconds, else 30 s; 0: for ever.
milliseconds deadman_limit();

class Supervisor {
 public:
  /// `on_running`: called once when the guest runs, proven.
  Supervisor(Charge charge, partition::Keeper& keeper, std::function<void()> on_running);

  /// Until QEMU is gone. Never throws once the guest runs; before that, SystemError.
  Outcome run();

 private:
  static constexpr int kReports = 20;    ///< of what a guest can cause at will, per check
  static constexpr int kFlood = 10'000;  ///< events between two checks
  using Timer = boost::asio::steady_timer;

  // The start (supervisor_start.cc).
  boost::asio::awaitable<void> begin();
  boost::asio::awaitable<void> prove_and_run();
  boost::asio::awaitable<void> take_over();
  void mark_log();
  void save_state();
  void give_up_rights();
  [[nodiscard]] GuestShutdown end_in_log() const;
  void start_failed(std::exception_ptr why);
  void guest_resumed();
  boost::asio::awaitable<void> sweep_after_first_run();
  void guest_runs();
  void open_proxy(const qmp::Greeting& greeting);
  [[nodiscard]] bool room_for_vcpus() const;
  void look_for_vcpus();
  boost::asio::awaitable<void> place_vcpus();
  [[nodiscard]] Outcome failed_start(const QemuExited& exit) const;

  // Events to actions (supervisor.cc).
  void watch_signals();
  void watch_exit();
  void on_signal(int number);
  void on_exit();
  void finish(const QemuExited& exit);
  void on_monitor_event(const qmp::Event& event);
  void on_storage_error(const qmp::Event& event);
  void handle(const Event& event);
  void perform(const Action& action);
  void command(const char* name);
  void ask_agent(milliseconds patience);
  void arm(Timer& timer, milliseconds after, Event event);
  void signal_qemu(int number);
  boost::asio::awaitable<void> restart();
  boost::asio::awaitable<void> ask_status();
  void ask_status_once();
  void report(Level level, const std::string& text);
  void task_failed(const std::string& name, std::exception_ptr why);
  void show_status();
  void replace_soon();
  void replace_program();

  // While it runs (supervisor_check.cc).
  void sweep_soon();
  void check_later();
  void check();
  void look_at_tpm();
  void begin_noise();
  void look_at_noise();
  void sum_up_noise();
  void sweep();
  void feed_watchdog();
  void prepare_promotion();
  void promote();

  // QEMU that does not answer, a host that does not let us run (supervisor_deadman.cc).
  void ask_for_life();
  void silent_after(milliseconds limit);
  void demote();
  [[nodiscard]] std::string what_holds_qemu() const;
  void start_deadman();
  void monitor_lost(const std::string& why);

  Charge charge_;
  partition::Keeper& keeper_;
  std::function<void()> on_running_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::posix::stream_descriptor exit_{io_};
  Timer limit_{io_}, repeat_{io_}, drain_{io_}, check_{io_}, sweep_{io_}, watchdog_{io_},
      promote_{io_}, silence_{io_}, replace_{io_};
  Fd console_copy_;  ///< for the program that replaces this one
  Guest guest_;
  std::optional<qmp::Proxy> proxy_;
  std::optional<Console> console_;
  std::optional<AgentCall> agent_;
  std::optional<TextWatch> promote_watch_;
  Lifecycle life_;
  noise::Watch noise_;
  Promotion promotion_ = Promotion::done;
  bool running_ = false;      ///< cont was sent
  bool resumed_ = false;      ///< and QEMU obeyed
  bool announced_ = false;    ///< "guest runs", READY
  bool interrupted_ = false;  ///< asked to stop before that
  bool restarting_ = false;
  bool finished_ = false;
  int sweeps_left_ = 0;
  bool heard_ = false;  ///< an event since the last question: QEMU lives
  int events_ = 0;      ///< since the last check
  int reports_left_ = kReports;
  bool asking_status_ = false;
  bool ask_status_again_ = false;
  std::string monitor_end_;      ///< why there is no monitor any more
  bool asked_for_life_ = false;  ///< and no answer yet
  DeadmanThread deadman_;
  int interrupts_ = 0;
  std::string start_failure_;
  ExitCode start_failure_code_ = ExitCode::failed;
  std::set<std::string> told_;  ///< drift of the host that was reported
  std::string drift_;           ///< what could not be put right; "" when all is as planned
  Outcome outcome_;
};

}  // namespace kvmrt::launcher
