// SPDX-License-Identifier: MIT
// QEMU's -action: what QEMU does by itself when a guest ends in one of its ways. Chosen so that the
// supervisor can tell every end by its events and can do end, restart or pause as the profile says:
//
// - panic=pause, watchdog=pause: GUEST_PANICKED or WATCHDOG, then STOP; QEMU stays, stopped, with
//   status guest-panicked or watchdog. The alternatives destroy knowledge: panic=shutdown exits
//   with 0 as a power-off does, panic=none sends no event at all, watchdog=poweroff calls exit(0)
//   without SHUTDOWN, watchdog=shutdown asks a guest that hangs, watchdog=reset resets unproven.
// - A VM with placement: reboot=shutdown,shutdown=pause. SHUTDOWN with reason guest-shutdown or
//   guest-reset, then STOP; status shutdown. So a rebooting guest stands still until its placement
//   is proven again (reboot=reset would run on at once), and a power-off is not a race between
//   the last event and the end of the socket.
// - A VM with nothing to prove: reboot=reset where on_reboot is restart (RESET with guest: true),
//   shutdown=poweroff where that is what the profile wants (SHUTDOWN, then exit 0): it goes on or
//   ends without any supervisor. Where an action is pause, or on_poweroff restart, as above.
//   QEMU pauses or exits for power-off and refused reset alike, the two cannot be chosen apart.
// - Storage errors: rerror/werror=stop on every disk (unless disks[].on_error says otherwise):
//   BLOCK_IO_ERROR with action stop, then STOP; status io-error.
//
// The supervisor's rule is one: remember the first event that names an end. When QEMU's pidfd
// becomes readable, report that end. When STOP comes instead, do what the profile says: end is
// `quit` (which exits in spite of shutdown=pause, as SIGTERM does); pause is nothing; restart is
//   set-action reboot=reset; system_reset; set-action reboot=…; proof; cont
// since system_reset under reboot=shutdown is itself turned into SHUTDOWN (reason
// host-qmp-system-reset), and `cont` out of shutdown, guest-panicked or watchdog needs a reset.
// After a storage error, `cont` alone retries the request. SeaBIOS resets once more when it finds
// its memory used: a second SHUTDOWN guest-reset right after the first, to be restarted alike and
// not counted as a reboot of the guest.
#pragma once

#include <string>

#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// The values of -action and of QMP's set-action.
struct EndActions {
  std::string panic = "pause";
  std::string reboot = "shutdown";
  std::string shutdown = "pause";
  std::string watchdog = "pause";
  friend bool operator==(const EndActions&, const EndActions&) = default;
};

EndActions end_actions(const profiles::Lifecycle& lifecycle, bool placed);

/// Whether any thread of the plan has a place or a policy that can be proven.
[[nodiscard]] bool placed(const partition::VmPlan& plan);

}  // namespace kvmrt::launcher
