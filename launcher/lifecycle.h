// SPDX-License-Identifier: MIT
// The life of a guest as a pure state machine: events in, actions out; no socket, no clock.
//
// QEMU is told to pause at every end that a guest can come to (-action reboot=shutdown,
// shutdown=pause,panic=pause,watchdog=pause; disks stop on errors), because its exit code cannot
// tell them apart: 0 may be a power-off, a reboot, a panic or somebody's SIGTERM. So it stays until
// we have seen what happened and have decided; then we end it, or reset and go on.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "launcher/log.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

using std::chrono::milliseconds;

// What can happen.
struct GuestShutdown {  ///< QMP SHUTDOWN
  bool by_guest = false;
  std::string reason;  ///< QEMU's word: "guest-shutdown", "guest-reset", "host-signal", …
};
struct GuestPanicked {};
struct WatchdogFired {};
struct StorageFailed {  ///< QMP BLOCK_IO_ERROR that stops the guest
  std::string node;
  std::string reason;
};
struct GuestStopped {  ///< QMP STOP, and the run state that query-status told afterwards
  std::string status;
};
struct GuestResumed {};  ///< QMP RESUME
struct StopAsked {       ///< signal, `shutdown`, end of the host
  std::string by;        ///< for the log: "SIGTERM", …
  bool hasten = false;   ///< take the next, harder step at once
};
struct TimeUp {};     ///< the limit armed by the last `arm_limit`
struct AgentTold {};  ///< the guest agent answered, and was told to shut the guest down
struct AgentFailed {  ///< it did not answer in time, or refuses
  std::string why;
};
struct PowerDownAgain {};  ///< the repeat armed by the last `arm_repeat`
struct RestartFailed {     ///< reset, proof or cont did not succeed
  std::string message;
};
struct QemuSilent {   ///< QMP has not answered for the deadman's time, or half as long again
  std::string why{};  ///< what QEMU's main thread does instead
  bool lost = false;  ///< its monitor is gone, and it is not
};
struct QemuAnswers {};  ///< after a silence
struct QemuExited {     ///< pidfd readable and waited for
  /// As waitid(2) tells: exited with this code, or killed by this signal. Both absent: not our
  /// child, so the kernel does not say.
  std::optional<int> code;
  std::optional<int> signal;
};

using Event = std::variant<GuestShutdown, GuestPanicked, WatchdogFired, StorageFailed, GuestStopped,
                           GuestResumed, StopAsked, AgentTold, AgentFailed, TimeUp, PowerDownAgain,
                           RestartFailed, QemuSilent, QemuAnswers, QemuExited>;

// What is to be done.
struct PowerDown {};  ///< system_powerdown
struct AskAgent {     ///< the guest agent is to answer, then to shut the guest down
  milliseconds patience;
};
struct Quit {};       ///< QMP quit
struct Terminate {};  ///< SIGTERM on the pidfd
struct Kill {};       ///< SIGKILL on the pidfd
struct Restart {};    ///< system_reset, prove the placement, cont
struct ProveAgain {};
struct Demote {};  ///< the vCPUs' real-time policy away: the host may need what they hold
struct ArmLimit {
  milliseconds after;
};
struct ArmRepeat {
  milliseconds after;
};
struct Say {
  Level level;
  std::string text;
};
struct AnnounceStopping {};  ///< sd_notify STOPPING, state "stopping"

using Action = std::variant<PowerDown, AskAgent, Quit, Terminate, Kill, Restart, ProveAgain, Demote,
                            ArmLimit, ArmRepeat, Say, AnnounceStopping>;

enum class Stage { running, paused, stopping, ended };
enum class StopStep { none, power_down, quit, terminate, kill };

/// Why the run ends. The first cause stands; what follows from it does not replace it.
enum class Cause {
  none,
  asked,
  guest_power_off,
  guest_reboot,
  guest_panic,
  watchdog,
  storage_error,
  internal_error,
  restart_failed,
  quit_from_outside,
  signal_from_outside,
  deadman,
};

struct Lifecycle {
  profiles::Lifecycle rules;
  bool agent = false;            ///< the guest may have an agent: it is asked before the button
  milliseconds deadman{30'000};  ///< how long QEMU may leave us without an answer; 0: for ever
  Stage stage = Stage::running;
  StopStep step = StopStep::none;
  Cause cause = Cause::none;
  std::string detail;    ///< of the cause: the disk's error, the failed proof
  bool demoted = false;  ///< QEMU is silent, and its vCPUs are not real-time meanwhile
  bool forced = false;   ///< asked to stop, but the guest did not do it by itself
};

struct Outcome {
  ExitCode code = ExitCode::done;
  std::string text;
  bool warn = false;
};

/// Changes `life` and tells what to do, in this order.
std::vector<Action> on_event(Lifecycle& life, const Event& event);

/// How the run ended, once QEMU is gone.
Outcome outcome_of(const Lifecycle& life, const QemuExited& exit);

}  // namespace kvmrt::launcher
