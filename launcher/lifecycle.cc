// SPDX-License-Identifier: MIT
#include "launcher/lifecycle.h"

#include <algorithm>
#include <cstring>
#include <fmt/core.h>

namespace kvmrt::launcher {
namespace {

using Rule = profiles::Lifecycle::Action;
using Actions = std::vector<Action>;

// Windows ignores the first power button while its display sleeps, and a busy guest may miss one.
constexpr milliseconds kPowerDownRepeat{5000};
// A guest agent that runs answers at once; one that is not there never does.
constexpr milliseconds kAgentPatience{3000};
// Between the agent's word and the first power button: services end meanwhile.
constexpr milliseconds kAgentObeys{15000};
// The reply to quit comes after the disks are flushed, which takes long on slow storage.
constexpr milliseconds kQuitLimit{60000};
constexpr milliseconds kTerminateLimit{10000};
constexpr milliseconds kKillLimit{10000};

void append(Actions& actions, Actions more) {
  for (Action& action : more) actions.push_back(std::move(action));
}

Say info(std::string text) { return Say{Level::info, std::move(text)}; }
Say warn(std::string text) { return Say{Level::warning, std::move(text)}; }

Actions begin_quit(Lifecycle& life) {
  life.stage = Stage::stopping;
  life.step = StopStep::quit;
  return {AnnounceStopping{}, Quit{}, ArmLimit{kQuitLimit}};
}

Actions harder(Lifecycle& life) {
  life.forced = true;
  switch (life.step) {
    case StopStep::none:
    case StopStep::power_down:
      life.step = StopStep::quit;
      return {warn("the guest does not power off; ending QEMU"), Quit{}, ArmLimit{kQuitLimit}};
    case StopStep::quit:
      life.step = StopStep::terminate;
      return {warn("QEMU does not obey quit; SIGTERM"), Terminate{}, ArmLimit{kTerminateLimit}};
    case StopStep::terminate:
      life.step = StopStep::kill;
      return {warn("QEMU ignores SIGTERM; SIGKILL"), Kill{}, ArmLimit{kKillLimit}};
    case StopStep::kill:
      return {warn("QEMU does not end after SIGKILL; still waiting"), ArmLimit{kKillLimit}};
  }
  return {};
}

/// A guest came to an end of the kind `cause`; `rule` says what is wanted then.
Actions came_to_end(Lifecycle& life, Cause cause, Rule rule, const std::string& text) {
  if (life.stage == Stage::stopping) {
    // An end of any kind is what we wait for; only the steps before quit have not led there yet.
    if (life.step == StopStep::power_down) return begin_quit(life);
    return {};
  }
  const bool ordinary = cause == Cause::guest_power_off || cause == Cause::guest_reboot;
  Actions actions{Say{ordinary ? Level::info : Level::error, text}};
  switch (rule) {
    case Rule::end:
      life.cause = cause;
      append(actions, begin_quit(life));
      break;
    case Rule::restart:
      actions.emplace_back(Restart{});
      break;
    case Rule::pause:
      life.stage = Stage::paused;
      break;
  }
  return actions;
}

/// Another client of the monitor reset the machine. QEMU made an end of it (-action
/// reboot=shutdown), so that the reset is ours to do.
Actions on_reset_from_outside(Lifecycle& life) {
  if (life.stage == Stage::stopping)
    return life.step == StopStep::power_down ? begin_quit(life) : Actions{};
  return {info("guest reset through the monitor"), Restart{}};
}

Actions on_shutdown(Lifecycle& life, const GuestShutdown& event) {
  if (event.reason == "guest-shutdown")
    return came_to_end(life, Cause::guest_power_off, life.rules.on_poweroff, "guest powered off");
  if (event.reason == "guest-reset")
    return came_to_end(life, Cause::guest_reboot, life.rules.on_reboot, "guest reboots");
  if (event.reason == "guest-panic")
    return came_to_end(life, Cause::guest_panic, life.rules.on_crash, "guest panicked");
  if (event.reason == "host-qmp-system-reset") return on_reset_from_outside(life);
  if (life.cause == Cause::none && life.step < StopStep::quit) {
    if (event.reason == "host-qmp-quit") life.cause = Cause::quit_from_outside;
    if (event.reason == "host-signal") life.cause = Cause::signal_from_outside;
  }
  return {};
}

Actions on_stopped(Lifecycle& life, const GuestStopped& event) {
  if (event.status == "internal-error") {
    life.detail = "KVM could not run the guest (run state internal-error)";
    return came_to_end(life, Cause::internal_error, Rule::end, life.detail);
  }
  // Other states belong to ends that have events of their own, or pass by themselves.
  if (life.stage == Stage::running && event.status == "paused") {
    life.stage = Stage::paused;
    return {info("guest paused through the monitor")};
  }
  return {};
}

/// The power button has its turn whatever the agent does: half of the time is left for it.
Actions ask_guest(const Lifecycle& life) {
  if (!life.agent) return {PowerDown{}, ArmRepeat{kPowerDownRepeat}};
  const milliseconds half = milliseconds(life.rules.shutdown_timeout) / 2;
  return {AskAgent{std::min(kAgentPatience, half)}};
}

Actions on_stop_asked(Lifecycle& life, const StopAsked& event) {
  if (life.stage == Stage::stopping) return event.hasten ? harder(life) : Actions{};
  life.cause = Cause::asked;
  life.detail = event.by;
  const bool was_paused = life.stage == Stage::paused;
  Actions actions{info(fmt::format("stopping the guest ({})", event.by))};
  if (was_paused || event.hasten) {
    life.forced = true;
    if (was_paused) actions.emplace_back(warn("a paused guest cannot power itself off"));
    append(actions, begin_quit(life));
    return actions;
  }
  life.stage = Stage::stopping;
  life.step = StopStep::power_down;
  append(actions, {AnnounceStopping{}, ArmLimit{life.rules.shutdown_timeout}});
  append(actions, ask_guest(life));
  return actions;
}

Actions on_agent_told(const Lifecycle& life) {
  if (life.step != StopStep::power_down) return {};
  return {info("the guest agent shuts the guest down"), ArmRepeat{kAgentObeys}};
}

Actions on_agent_failed(const Lifecycle& life, const AgentFailed& event) {
  if (life.step != StopStep::power_down) return {};
  return {info(fmt::format("guest agent: {}; pressing the power button", event.why)), PowerDown{},
          ArmRepeat{kPowerDownRepeat}};
}

/// A QEMU that cannot be told to quit is not waited for until it has not.
Actions on_silent_stop(Lifecycle& life, const QemuSilent& event) {
  if (!event.lost || life.step >= StopStep::terminate) return {};
  life.step = StopStep::terminate;
  return {warn(fmt::format("QEMU cannot be told to quit: {}; SIGTERM", event.why)), Terminate{},
          ArmLimit{kTerminateLimit}};
}

/// QEMU was silent for as long as the profile allows: whatever holds it up, the vCPUs are not to
/// keep the host from putting it right. Silent still, it is ended.
Actions on_silent(Lifecycle& life, const QemuSilent& event) {
  if (life.stage == Stage::stopping) return on_silent_stop(life, event);
  if (!life.demoted) {
    life.demoted = true;
    return {warn(fmt::format("QEMU does not answer: {}; its vCPUs lose their real-time policy",
                             event.why)),
            Demote{}};
  }
  life.cause = Cause::deadman;
  life.detail = event.why;
  life.stage = Stage::stopping;
  life.step = StopStep::terminate;
  return {Say{Level::error, fmt::format("QEMU still does not answer: {}; SIGTERM", event.why)},
          AnnounceStopping{}, Terminate{}, ArmLimit{kTerminateLimit}};
}

Actions on_answer(Lifecycle& life) {
  if (!life.demoted) return {};
  life.demoted = false;
  return {info("QEMU answers again; its vCPUs get their policy back"), ProveAgain{}};
}

struct Visitor {
  Lifecycle& life;

  Actions operator()(const GuestShutdown& event) const { return on_shutdown(life, event); }
  Actions operator()(const GuestPanicked&) const {
    return came_to_end(life, Cause::guest_panic, life.rules.on_crash, "guest panicked");
  }
  Actions operator()(const WatchdogFired&) const {
    return came_to_end(life, Cause::watchdog, life.rules.on_watchdog, "guest's watchdog fired");
  }
  Actions operator()(const StorageFailed& event) const {
    const std::string text =
        fmt::format("storage error on {}: {}; guest stopped", event.node, event.reason);
    life.detail = text;
    return came_to_end(life, Cause::storage_error, life.rules.on_storage_error, text);
  }
  Actions operator()(const GuestStopped& event) const { return on_stopped(life, event); }
  Actions operator()(const GuestResumed&) const {
    if (life.stage != Stage::paused) return {};
    life.stage = Stage::running;
    return {ProveAgain{}};
  }
  Actions operator()(const StopAsked& event) const { return on_stop_asked(life, event); }
  Actions operator()(const AgentTold&) const { return on_agent_told(life); }
  Actions operator()(const AgentFailed& event) const { return on_agent_failed(life, event); }
  Actions operator()(const TimeUp&) const {
    return life.stage == Stage::stopping ? harder(life) : Actions{};
  }
  Actions operator()(const PowerDownAgain&) const {
    if (life.step != StopStep::power_down) return {};
    return {PowerDown{}, ArmRepeat{kPowerDownRepeat}};
  }
  Actions operator()(const RestartFailed& event) const {
    if (life.stage == Stage::stopping) return {};
    life.cause = Cause::restart_failed;
    life.detail = event.message;
    return begin_quit(life);
  }
  Actions operator()(const QemuSilent& event) const { return on_silent(life, event); }
  Actions operator()(const QemuAnswers&) const { return on_answer(life); }
  Actions operator()(const QemuExited&) const {
    life.stage = Stage::ended;
    return {};
  }
};

std::string end_of_qemu(const QemuExited& exit) {
  if (exit.signal)
    return fmt::format("QEMU was killed by signal {} ({})", *exit.signal,
                       ::sigdescr_np(*exit.signal));
  if (exit.code) return fmt::format("QEMU exited with status {}", *exit.code);
  return "QEMU ended";
}

Outcome asked_outcome(const Lifecycle& life) {
  if (!life.forced) return {ExitCode::done, "guest stopped as asked"};
  return {ExitCode::done, "guest stopped as asked, by force", true};
}

}  // namespace

std::vector<Action> on_event(Lifecycle& life, const Event& event) {
  if (life.stage == Stage::ended) return {};
  return std::visit(Visitor{life}, event);
}

Outcome outcome_of(const Lifecycle& life, const QemuExited& exit) {
  switch (life.cause) {
    case Cause::asked:
      return asked_outcome(life);
    case Cause::guest_power_off:
      return {ExitCode::done, "guest powered off"};
    case Cause::guest_reboot:
      return {ExitCode::guest_rebooted, "guest asked for a reboot, which on_reboot: end ends"};
    case Cause::guest_panic:
      return {ExitCode::guest_panicked, "guest panicked", true};
    case Cause::watchdog:
      return {ExitCode::guest_watchdog, "guest's watchdog fired", true};
    case Cause::storage_error:
      return {ExitCode::storage_error, life.detail, true};
    case Cause::internal_error:
      return {ExitCode::qemu_ended, life.detail, true};
    case Cause::restart_failed:
      return {ExitCode::not_as_planned, "guest could not be restarted: " + life.detail, true};
    case Cause::quit_from_outside:
      return {ExitCode::qemu_ended, "QEMU was told to quit by another client of its monitor", true};
    case Cause::signal_from_outside:
      return {ExitCode::qemu_ended, "QEMU was terminated by a signal from outside", true};
    case Cause::deadman:
      return {ExitCode::qemu_ended, "QEMU did not answer and was ended: " + life.detail, true};
    case Cause::none:
      break;
  }
  return {ExitCode::qemu_ended, end_of_qemu(exit), true};
}

}  // namespace kvmrt::launcher
