// SPDX-License-Identifier: MIT
// QEMU's -action: what QEMU does by itself when a guest ends in one of its ways. It always pauses,
// so that the supervisor can tell every end by its events, in peace, and can do end, restart or
// pause as the profile says (launcher/lifecycle.h):
//
// - panic=pause, watchdog=pause: GUEST_PANICKED or WATCHDOG, then STOP; status guest-panicked or
//   watchdog. The alternatives destroy knowledge: panic=shutdown exits with 0 as a power-off does,
//   panic=none sends no event at all, watchdog=poweroff calls exit(0) without SHUTDOWN,
//   watchdog=shutdown asks a guest that hangs, watchdog=reset runs on unproven.
// - reboot=shutdown,shutdown=pause: SHUTDOWN with reason guest-shutdown or guest-reset, then STOP;
//   status shutdown. A rebooting guest stands still until its placement is proven again
//   (reboot=reset would run on at once), and no last event races with the end of the socket.
// - Storage errors: rerror/werror=stop on every disk (unless disks[].on_error says otherwise):
//   BLOCK_IO_ERROR with action stop, then STOP; status io-error.
//
// From there: end is `quit`, which exits in spite of shutdown=pause, as SIGTERM does; pause is
// nothing; restart is
//   set-action reboot=reset; system_reset; set-action reboot=shutdown; proof; cont
// since system_reset under reboot=shutdown is itself turned into SHUTDOWN (reason
// host-qmp-system-reset), and `cont` out of shutdown, guest-panicked or watchdog needs a reset.
// After a storage error, `cont` alone retries the request. SeaBIOS resets once more when it finds
// its memory used: a second SHUTDOWN guest-reset right after the first, to be restarted alike and
// not counted as a reboot of the guest.
//
// The price: a guest that reboots or powers itself off while its supervisor is dead waits, paused,
// for the next one to adopt it.
#pragma once

namespace kvmrt::launcher {

inline constexpr auto kEndActions = "panic=pause,reboot=shutdown,shutdown=pause,watchdog=pause";

}  // namespace kvmrt::launcher
