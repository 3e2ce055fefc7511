// SPDX-License-Identifier: MIT
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fmt/core.h>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "launcher/adopt.h"
#include "launcher/log.h"
#include "launcher/log_files.h"
#include "launcher/notify.h"
#include "launcher/privileges.h"
#include "launcher/start_hint.h"
#include "launcher/supervisor.h"
#include "qmp/commands.h"
#include "qmp/listen.h"
#include "qmp/proxy_rules.h"
#include "qmp/task.h"

namespace kvmrt::launcher {
namespace {

using boost::asio::awaitable;

// A vCPU's first run begins within microseconds of cont on an idle CPU; on a loaded host later.
constexpr milliseconds kFirstRunLimit{250};
// Between the end of the monitor and the end of the process.
constexpr milliseconds kLastBreath{2000};

std::string seconds_text(milliseconds time) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

awaitable<void> Supervisor::begin() {
  const auto& realtime = charge_.profile.realtime;
  if (charge_.profile.rt && realtime.promote == profiles::Promote::after_boot &&
      !charge_.state.promoted)
    promotion_ = Promotion::not_yet;
  notify_extend_timeout(charge_.wishes.start_limit + std::chrono::seconds(10));
  const qmp::Greeting greeting = co_await guest_.greet();
  log(Level::debug, fmt::format("QEMU {}.{}.{} answers", greeting.version.major,
                                greeting.version.minor, greeting.version.micro));
  open_proxy(greeting);
  co_await guest_.find_threads();
  charge_.state.reported = guest_.reported();
  if (charge_.adopted)
    co_await take_over();
  else
    co_await prove_and_run();
}

void Supervisor::open_proxy(const qmp::Greeting& greeting) {
  qmp::ProxyHooks hooks;
  // The plan has a place for each vCPU up to -smp maxcpus, and for no other.
  hooks.judge = [room = room_for_vcpus()](const std::string& command,
                                          const nlohmann::json& arguments) {
    return qmp::judge_command(command, arguments, {.cpu_hotplug = room});
  };
  // New devices bring threads with them.
  hooks.done = [this](const std::string& command, const nlohmann::json& arguments, bool succeeded) {
    if (!running_ || finished_) return;
    if (succeeded && qmp::adds_vcpu(command, arguments)) look_for_vcpus();
    sweep_soon();
  };
  try {
    proxy_.emplace(io_, qmp::listen_at(charge_.folder.monitor_socket(), 16), guest_.monitor(),
                   greeting, std::move(hooks));
  } catch (const SystemError& error) {
    log(Level::warning, fmt::format("no monitor socket for users: {}", error.what()));
  }
}

bool Supervisor::room_for_vcpus() const {
  return charge_.wishes.most_vcpus > charge_.wishes.nr_vcpus;
}

/// No event tells of a new vCPU. Its thread idles until the guest puts it to use, so there is time.
void Supervisor::look_for_vcpus() {
  const auto failed = [this](const std::string& name, std::exception_ptr why) {
    task_failed(name, why);
  };
  qmp::spawn_task(io_, "vcpus", place_vcpus(), failed);
}

awaitable<void> Supervisor::place_vcpus() {
  const std::size_t before = guest_.reported().vcpus.size();
  co_await guest_.find_threads();
  const std::size_t now = guest_.reported().vcpus.size();
  charge_.state.reported = guest_.reported();
  charge_.state.nr_vcpus = static_cast<int>(now);
  show_status();
  if (now == before) co_return;
  guest_.place_and_prove(promotion_);
  log(Level::info, fmt::format("the guest has {} vCPUs now, placement proven", now));
}

awaitable<void> Supervisor::prove_and_run() {
  guest_.place_and_prove(promotion_);
  if (shown(Level::debug))
    log(Level::debug, "proven, before the guest's first instruction:\n" +
                          thread_table(guest_.settings(), list_all(charge_.qemu.pid).together()));
  const std::string vm = charge_.profile.name;
  if (!co_await guest_.note_power_offs()) {
    charge_.state.log_mark.reset();
    save_state();
  }
  keeper_.mark_started(vm);
  running_ = true;
  try {
    co_await guest_.resume();
  } catch (const qmp::QmpError& error) {
    // A guest that ends at once may take the reply with it; the pidfd tells.
    if (error.kind() == qmp::QmpError::Kind::closed) co_return;
    running_ = false;
    throw;
  }
  guest_resumed();
  co_await sweep_after_first_run();
  guest_runs();
}

void Supervisor::guest_resumed() {
  if (resumed_) return;
  resumed_ = true;
  charge_.state.started_at = std::time(nullptr);
}

/// READY is said only when the thread that KVM makes in the first vCPU's context is in its place
/// too; a vCPU's first run begins a little after cont's reply.
awaitable<void> Supervisor::sweep_after_first_run() {
  sweep();
  const auto limit = std::chrono::steady_clock::now() + kFirstRunLimit;
  for (milliseconds pause{1};
       guest_.awaits_recovery_thread() && !announced_ && life_.stage == Stage::running;
       pause *= 2) {
    if (std::chrono::steady_clock::now() > limit) {
      log(Level::debug, "no recovery thread of KVM yet; it is placed when it comes");
      break;
    }
    sweep_.expires_after(pause);
    boost::system::error_code stopped;
    co_await sweep_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, stopped));
    if (!announced_) sweep();
  }
}

awaitable<void> Supervisor::take_over() {
  running_ = true;
  const auto state = co_await qmp::query_status(guest_.monitor());
  log(Level::info,
      fmt::format("adopted the running QEMU (pid {}, {})", charge_.qemu.pid.value(), state.status));
  try {
    guest_.place_and_prove(promotion_);
  } catch (const NotAsPlanned& error) {
    drift_ = error.what();
    log(Level::error, drift_);
  }
  resumed_ = true;
  sweep();
  guest_runs();
  // An end that came while nobody watched: the event is gone, the run state is left.
  if (state.status == "shutdown")
    handle(end_in_log());
  else if (state.status == "guest-panicked")
    handle(GuestPanicked{});
  else if (state.status == "watchdog")
    handle(WatchdogFired{});
  else if (state.status == "io-error")
    handle(StorageFailed{"a disk", "while unsupervised"});
  else if (!state.running)
    handle(GuestStopped{state.status});
}

/// What QEMU has noted so far is of a life that is over.
void Supervisor::mark_log() {
  if (!charge_.state.log_mark) return;  // a QEMU that notes nothing
  std::error_code absent;
  const auto size = std::filesystem::file_size(charge_.folder.qemu_log(), absent);
  charge_.state.log_mark = absent ? 0 : size;
  save_state();
}

void Supervisor::save_state() {
  try {
    write_state(charge_.folder, charge_.state);
  } catch (const SystemError& error) {
    log(Level::warning, fmt::format("state not written: {}", error.what()));
  }
}

GuestShutdown Supervisor::end_in_log() const {
  if (!charge_.state.log_mark) {
    log(Level::warning,
        "the guest powered off or asked for a reboot, QEMU did not note which; "
        "taken for a power-off");
    return {true, "guest-shutdown"};
  }
  const auto text = read_file_if_any(charge_.folder.qemu_log());
  return unwatched_shutdown(text.value_or(""), *charge_.state.log_mark);
}

void Supervisor::give_up_rights() {
  try {
    keep_only(needed_to_supervise(charge_.profile));
  } catch (const SystemError& error) {
    log(Level::warning, error.what());
  }
}

/// Once: when it is swept, or just before something is said of a guest that ends at once.
void Supervisor::guest_runs() {
  if (announced_) return;
  announced_ = true;
  show_status();
  begin_noise();
  give_up_rights();
  start_deadman();
  sweeps_left_ = 2;
  sweep_soon();
  check_later();
  feed_watchdog();
  if (promotion_ == Promotion::not_yet) prepare_promotion();
  // Said last: who hears of it may rely on all of the above.
  const std::string text =
      fmt::format("guest runs{}", charge_.profile.rt ? ", placement proven" : "");
  log(Level::info, text);
  notify_ready(text);
  if (on_running_) on_running_();
}

void Supervisor::start_failed(std::exception_ptr why) {
  try {
    std::rethrow_exception(why);
  } catch (const NotAsPlanned& error) {
    start_failure_code_ = ExitCode::not_as_planned;
    start_failure_ = fmt::format("not as planned, so the guest does not start: {}", error.what());
  } catch (const qmp::QmpError& error) {
    if (error.kind() == qmp::QmpError::Kind::timeout)
      start_failure_ = fmt::format("QEMU gave no answer in {} (see qemu.start_timeout)",
                                   seconds_text(charge_.wishes.start_limit));
    else if (error.kind() != qmp::QmpError::Kind::closed)
      start_failure_ = error.what();
  } catch (const std::exception& error) {
    start_failure_ = error.what();
  }
  if (charge_.adopted && guest_.monitor().closed() && ended(charge_.pidfd, kLastBreath)) {
    running_ = true;  // QEMU ended while it was adopted: its pidfd tells the rest
    return;
  }
  running_ = false;
  if (charge_.adopted) {
    // It ran before we came; what we could not do is no reason to end it.
    log(Level::error, "cannot adopt: " + start_failure_);
    outcome_ = {start_failure_code_, start_failure_, true};
    finished_ = true;
    io_.stop();
    return;
  }
  signal_qemu(SIGKILL);
}

Outcome Supervisor::failed_start(const QemuExited& exit) const {
  if (interrupted_) return {ExitCode::done, "stopped as asked, before the guest ran"};
  if (!start_failure_.empty()) return {start_failure_code_, start_failure_, true};
  std::string text = "QEMU ended before the guest ran";
  if (exit.code) text += fmt::format(" (exit status {})", *exit.code);
  if (exit.signal) text += fmt::format(" (signal {})", *exit.signal);
  if (const std::string said = log_tail(charge_.folder.qemu_log()); !said.empty()) {
    text += "; it said:\n" + said;
    if (const std::string hint = start_hint(said); !hint.empty()) text += "\n  hint: " + hint;
  }
  return {ExitCode::failed, text, true};
}

}  // namespace kvmrt::launcher
