// SPDX-License-Identifier: MIT
#include "launcher/supervisor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/core.h>
#include <string_view>

#include <boost/asio/error.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/log.h"
#include "launcher/log_files.h"
#include "launcher/notify.h"
#include "launcher/reexec.h"
#include "qmp/commands.h"
#include "qmp/task.h"

namespace kvmrt::launcher {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// After QEMU's end its last events may still stand in the socket; they tell why it ended.
constexpr milliseconds kDrainTime{500};
constexpr milliseconds kSettle{50};

std::string text_of(const nlohmann::json& data, const char* name) {
  const auto found = data.find(name);
  return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_of(const nlohmann::json& data, const char* name) {
  const auto found = data.find(name);
  return found != data.end() && found->is_boolean() && found->get<bool>();
}

bool tells_an_end(const qmp::Event& event) {
  constexpr std::array<std::string_view, 5> kEnds{"SHUTDOWN", "GUEST_PANICKED", "WATCHDOG",
                                                  "BLOCK_IO_ERROR", "STOP"};
  return std::find(kEnds.begin(), kEnds.end(), event.name) != kEnds.end();
}

}  // namespace

Supervisor::Supervisor(Charge charge, partition::Keeper& keeper, std::function<void()> on_running)
    : charge_(std::move(charge)),
      keeper_(keeper),
      on_running_(std::move(on_running)),
      guest_(io_, charge_.qemu, std::move(charge_.monitor), charge_.wishes),
      noise_(charge_.folder, std::chrono::microseconds(charge_.profile.latency.budget_us)) {
  life_.rules = charge_.profile.lifecycle;
  life_.agent = !charge_.profile.agent.empty();
  life_.deadman = deadman_limit();
}

Outcome Supervisor::run() {
  watch_signals();
  let_signals_through();  // held back since the program before us
  watch_exit();
  guest_.monitor().on_event([this](const qmp::Event& event) { on_monitor_event(event); });
  guest_.monitor().on_closed([this](const qmp::QmpError& why) {
    if (drain_.expiry() != Timer::time_point()) return on_exit();
    monitor_lost(why.what());
  });
  if (charge_.console) console_copy_ = Fd(::fcntl(charge_.console.get(), F_DUPFD_CLOEXEC, 3));
  if (charge_.console)
    console_.emplace(io_, std::move(charge_.console), charge_.console_on_terminal);
  const auto failed = [this](const std::string& name, std::exception_ptr why) {
    task_failed(name, why);
  };
  qmp::spawn_task(io_, "start", begin(), failed);
  io_.run();
  return outcome_;
}

void Supervisor::watch_signals() {
  for (const int number : supervisor_signals()) {
    error_code refused;
    signals_.add(number, refused);
  }
  signals_.async_wait([this](error_code failed, int number) {
    if (failed) return;
    on_signal(number);
    if (!finished_) watch_signals();
  });
}

void Supervisor::on_signal(int number) {
  if (number == SIGUSR2) return replace_soon();
  const std::string name = fmt::format("SIG{}", ::sigabbrev_np(number));
  if (!running_) {
    interrupted_ = true;
    log(Level::info, fmt::format("{} before the guest ran; ending QEMU", name));
    signal_qemu(SIGKILL);
    return;
  }
  if (number == SIGINT) ++interrupts_;
  const bool hasten = number == SIGQUIT || (number == SIGINT && interrupts_ > 1);
  handle(StopAsked{name, hasten});
}

void Supervisor::watch_exit() {
  exit_.assign(::fcntl(charge_.pidfd.get(), F_DUPFD_CLOEXEC, 3));
  exit_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code failed) {
    if (failed == asio::error::operation_aborted || finished_) return;
    if (failed) {  // without this watch nobody would ever see QEMU's end
      error_code ignored;
      exit_.close(ignored);
      return watch_exit();
    }
    if (guest_.monitor().closed()) return on_exit();
    drain_.expires_after(kDrainTime);
    drain_.async_wait([this](error_code stopped) {
      if (!stopped) on_exit();
    });
  });
}

void Supervisor::on_exit() {
  if (finished_) return;
  QemuExited exit;
  try {
    const auto status = charge_.adopted && !charge_.child ? std::nullopt : reap(charge_.pidfd);
    if (status && status->kind == ExitStatus::Kind::exited) exit.code = status->value;
    if (status && status->kind == ExitStatus::Kind::killed) exit.signal = status->value;
  } catch (const SystemError& error) {
    // The program before us had adopted QEMU: then it is nobody's child here.
    if (error.error_number() != ECHILD) throw;
  }
  finish(exit);
}

void Supervisor::finish(const QemuExited& exit) {
  if (resumed_) guest_runs();
  finished_ = true;
  handle(exit);
  outcome_ = running_ ? outcome_of(life_, exit) : failed_start(exit);
  if (running_ && outcome_.code == ExitCode::done && !drift_.empty())
    outcome_ = {ExitCode::not_as_planned, outcome_.text + "; but not as planned: " + drift_, true};
  if (console_) console_->finish();
  console_.reset();
  promote_watch_.reset();
  proxy_.reset();
  agent_.reset();
  guest_.monitor().close();
  for (Timer* timer :
       {&limit_, &repeat_, &drain_, &check_, &sweep_, &watchdog_, &promote_, &silence_, &replace_})
    timer->cancel();
  error_code ignored;
  signals_.cancel(ignored);
  exit_.close(ignored);
}

void Supervisor::on_monitor_event(const qmp::Event& event) {
  heard_ = true;
  if (++events_ == kFlood) log(Level::warning, "QEMU floods its monitor with events");
  if (proxy_) proxy_->publish(event);
  // A guest may end before the sweep after its first run does: first things first.
  if (resumed_ && tells_an_end(event)) guest_runs();
  if (event.name == "SHUTDOWN") {
    handle(GuestShutdown{flag_of(event.data, "guest"), text_of(event.data, "reason")});
  } else if (event.name == "GUEST_PANICKED") {
    handle(GuestPanicked{});
  } else if (event.name == "WATCHDOG") {
    handle(WatchdogFired{});
  } else if (event.name == "BLOCK_IO_ERROR") {
    on_storage_error(event);
  } else if (event.name == "STOP") {
    ask_status_once();
  } else if (event.name == "RESUME") {
    if (running_) guest_resumed();
    handle(GuestResumed{});
  } else if (event.name == "DEVICE_DELETED" && room_for_vcpus() && running_) {
    look_for_vcpus();
  } else if (event.name == "MEMORY_FAILURE") {
    report(Level::error, fmt::format("memory failure: {}", event.data.dump()));
  } else if (event.name == "GUEST_CRASHLOADED") {
    report(Level::warning, "guest panicked and loads its crash kernel");
  }
}

void Supervisor::on_storage_error(const qmp::Event& event) {
  std::string node = text_of(event.data, "node-name");
  if (node.empty()) node = text_of(event.data, "device");
  const std::string reason = text_of(event.data, "reason");
  if (text_of(event.data, "action") == "stop") return handle(StorageFailed{node, reason});
  report(Level::warning,
         fmt::format("storage error on {}: {}; reported to the guest", node, reason));
}

/// A guest can cause as many of these as it likes; the log is not its to fill.
void Supervisor::report(Level level, const std::string& text) {
  if (--reports_left_ > 0) return log(level, text);
  if (reports_left_ == 0) log(level, text + " (more of this kind is not told for a while)");
}

/// However many STOP events there are, one question is under way.
void Supervisor::ask_status_once() {
  if (std::exchange(asking_status_, true)) {
    ask_status_again_ = true;
    return;
  }
  const auto failed = [this](const std::string& name, std::exception_ptr why) {
    asking_status_ = false;
    task_failed(name, why);
  };
  qmp::spawn_task(io_, "query-status", ask_status(), failed);
}

void Supervisor::handle(const Event& event) {
  const Stage before = life_.stage;
  const std::vector<Action> actions = on_event(life_, event);
  // While QEMU's threads are there to be read.
  if (before != Stage::stopping && life_.stage != before && life_.stage == Stage::stopping)
    sum_up_noise();
  for (const Action& action : actions) perform(action);
  if (life_.stage != before) show_status();
}

void Supervisor::perform(const Action& action) {
  if (const auto* say = std::get_if<Say>(&action)) {
    log(say->level, say->text);
  } else if (std::holds_alternative<PowerDown>(action)) {
    command("system_powerdown");
  } else if (const auto* ask = std::get_if<AskAgent>(&action)) {
    ask_agent(ask->patience);
  } else if (std::holds_alternative<Quit>(action)) {
    command("quit");
  } else if (std::holds_alternative<Terminate>(action)) {
    signal_qemu(SIGTERM);
  } else if (std::holds_alternative<Kill>(action)) {
    signal_qemu(SIGKILL);
  } else if (std::holds_alternative<Restart>(action)) {
    const auto failed = [this](const std::string& name, std::exception_ptr why) {
      task_failed(name, why);
    };
    qmp::spawn_task(io_, "restart", restart(), failed);
  } else if (std::holds_alternative<ProveAgain>(action)) {
    sweep_soon();
  } else if (std::holds_alternative<Demote>(action)) {
    demote();
  } else if (const auto* limit = std::get_if<ArmLimit>(&action)) {
    arm(limit_, limit->after, TimeUp{});
  } else if (const auto* repeat = std::get_if<ArmRepeat>(&action)) {
    arm(repeat_, repeat->after, PowerDownAgain{});
  } else if (std::holds_alternative<AnnounceStopping>(action)) {
    notify_stopping("stopping the guest");
    // The chain's own steps beside the guest's: quit 60 s, SIGTERM 10 s, SIGKILL 10 s.
    notify_extend_timeout(life_.rules.shutdown_timeout + std::chrono::seconds(90));
  }
}

void Supervisor::command(const char* name) {
  try {
    guest_.monitor().submit(name, nlohmann::json::object(), [](const qmp::Reply*) {});
  } catch (const qmp::QmpError&) {
    // A monitor that is gone cannot be asked; the limit's next step needs none.
    log(Level::debug, fmt::format("{}: monitor closed", name));
  }
}

void Supervisor::ask_agent(milliseconds patience) {
  agent_.emplace(io_, charge_.folder.agent_socket(), patience, [this](const Event& event) {
    if (!finished_) handle(event);
  });
}

void Supervisor::arm(Timer& timer, milliseconds after, Event event) {
  timer.expires_after(after);
  timer.async_wait([this, event = std::move(event)](error_code stopped) {
    if (!stopped && !finished_) handle(event);
  });
}

void Supervisor::signal_qemu(int number) {
  if (number == SIGKILL && life_.step == StopStep::kill) {
    if (const std::string stuck = stuck_report(charge_.qemu.pid); !stuck.empty())
      log(Level::debug, stuck);
  }
  send_signal(charge_.pidfd, number);
}

asio::awaitable<void> Supervisor::restart() {
  if (restarting_) co_return;
  restarting_ = true;
  mark_log();
  co_await guest_.restart(promotion_);
  restarting_ = false;
  log(Level::info, "guest restarted, placement proven");
  sweep_soon();
}

asio::awaitable<void> Supervisor::ask_status() {
  do {
    ask_status_again_ = false;
    const auto state = co_await qmp::query_status(guest_.monitor());
    handle(GuestStopped{state.status});
  } while (ask_status_again_);
  asking_status_ = false;
}

void Supervisor::task_failed(const std::string& name, std::exception_ptr why) {
  if (finished_) return;
  if (name == "start") return start_failed(why);
  std::string text;
  try {
    std::rethrow_exception(why);
  } catch (const std::exception& error) {
    text = error.what();
  }
  if (name == "restart") {
    restarting_ = false;
    // A monitor that ended in the middle of it means that QEMU did; its pidfd tells the rest.
    if (guest_.monitor().closed()) return;
    log(Level::error, fmt::format("restart: {}", text));
    return handle(RestartFailed{text});
  }
  if (name == "vcpus" && !guest_.monitor().closed()) {
    drift_ = text;
    return log(Level::error, fmt::format("a vCPU that was plugged in: {}", text));
  }
  log(Level::debug, fmt::format("{}: {}", name, text));
}

/// What comes from now on is the next program's to hear; what came already is dealt with first.
void Supervisor::replace_soon() {
  hold_signals_back();
  replace_.expires_after(kSettle);
  replace_.async_wait([this](error_code stopped) {
    if (stopped || finished_) return;
    replace_program();
    let_signals_through();
  });
}

void Supervisor::replace_program() {
  std::string why;
  if (charge_.arguments.empty()) why = "this one only stops the guest";
  if (!running_ || restarting_) why = "the guest is being started";
  if (life_.stage == Stage::stopping || finished_) why = "the guest is being stopped";
  if (why.empty()) {
    log(Level::info, fmt::format("SIGUSR2: replaced by {}", program_path()));
    notify_reloading("replacing the supervisor");
    if (console_) console_->finish();
    Inheritance left{charge_.profile.name, Fd(charge_.lock), std::move(console_copy_)};
    why = reexec(charge_.arguments, left);
    static_cast<void>(left.lock.release());  // the lock has an owner already
    console_copy_ = std::move(left.console);
    notify_ready("not replaced");
  }
  log(Level::error, "supervisor not replaced: " + why);
}

void Supervisor::show_status() {
  VmState& state = charge_.state;
  switch (life_.stage) {
    case Stage::running:
      state.status = VmStatus::running;
      break;
    case Stage::paused:
      state.status = VmStatus::paused;
      break;
    case Stage::stopping:
      state.status = VmStatus::stopping;
      break;
    case Stage::ended:
      return;
  }
  try {
    write_state(charge_.folder, state);
  } catch (const SystemError& error) {
    log(Level::warning, fmt::format("state not written: {}", error.what()));
  }
  notify_status(to_string(state.status));
}

}  // namespace kvmrt::launcher
