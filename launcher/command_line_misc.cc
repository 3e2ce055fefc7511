// SPDX-License-Identifier: MIT
#include "launcher/command_line_draft.h"
#include "launcher/command_line_ends.h"

namespace kvmrt::launcher {

void append_identity(Draft& draft) {
  // Thread names are for reports; without debug-threads every thread is "qemu-system-x86".
  draft.add("-name", Options(draft.profile.name).on("debug-threads"));
  if (!draft.profile.uuid.empty()) draft.add("-uuid", draft.profile.uuid);
  draft.add("-S");
  draft.add("-nodefaults");
  draft.add("-no-user-config");
  draft.add("-display", "none");
}

void append_sandbox(Draft& draft) {
  if (!draft.profile.security.sandbox) return;
  draft.add("-sandbox", Options("on")
                            .set("obsolete", "deny")
                            .set("elevateprivileges", "deny")
                            .set("spawn", "deny")
                            .set("resourcecontrol", "deny"));
}

void append_ends(Draft& draft) { draft.add("-action", kEndActions); }

void append_watchdog(Draft& draft) {
  // Always there, so that a guest that panics is seen to; ISA, port 0x505.
  draft.add("-device", "pvpanic");
  const std::string& model = draft.profile.watchdog;
  if (model.empty()) return;
  // The chipset's own timer is there already; it only must not be told to ignore its end.
  if (model == "itco") return draft.add("-global", "ICH9-LPC.noreboot=off");
  draft.add("-device", Options(model).set("id", "watchdog0"));
}

void append_rng(Draft& draft) {
  if (!draft.profile.rng) return;
  // getrandom(2) inside QEMU: no file to hand over. The bound keeps a greedy guest from loading the
  // emulator's CPU.
  draft.add("-object", "rng-builtin,id=rng0");
  draft.add(
      "-device",
      Options("virtio-rng-pci").set("rng", "rng0").set("max-bytes", 1024).set("period", 1000));
}

void append_tpm(Draft& draft) {
  const std::string& tpm = draft.profile.tpm;
  if (tpm.empty()) return;
  const int fd = draft.hand_over({.kind = Handover::Kind::tpm, .path = {}, .key = "tpm"});
  draft.add("-chardev", Options("socket").set("id", "tpm0-chardev").set("fd", fd));
  draft.add("-tpmdev", "emulator,id=tpm0,chardev=tpm0-chardev");
  draft.add("-device", Options("tpm-" + tpm).set("tpmdev", "tpm0"));
}

}  // namespace kvmrt::launcher
