// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fcntl.h>
#include <string>

#include "launcher/command_line_draft.h"

namespace kvmrt::launcher {
namespace {

int count_of(const profiles::Profile& profile, std::string_view kind) {
  if (kind == "network")
    return static_cast<int>(std::count_if(profile.networks.begin(), profile.networks.end(),
                                          [](const auto& net) { return net.type != "none"; }));
  return static_cast<int>(std::count_if(profile.disks.begin(), profile.disks.end(),
                                        [&](const auto& disk) { return disk.media == kind; }));
}

void append_kernel(Draft& draft) {
  const profiles::Boot& boot = draft.profile.boot;
  if (boot.kernel.empty()) return;
  // fopen(3) inside QEMU: no descriptor can be handed over.
  draft.add("-kernel", draft.use_path(PathUse::Kind::read_file, boot.kernel, "boot.kernel"));
  if (!boot.initrd.empty())
    draft.add("-initrd", draft.use_path(PathUse::Kind::read_file, boot.initrd, "boot.initrd"));
  if (!boot.cmdline.empty()) draft.add("-append", boot.cmdline);
}

/// The variable store is made before QEMU is, if it is not there.
void append_flash(Draft& draft, const std::string& node, const std::string& path, bool readonly) {
  const std::string file =
      draft.hand_over_file(path, readonly ? O_RDONLY : O_RDWR | O_CREAT, 0, "boot.firmware");
  draft.add("-blockdev", Options()
                             .set("driver", "raw")
                             .set("node-name", node)
                             .set("read-only", readonly ? "on" : "off")
                             .set("file.driver", "file")
                             .set("file.filename", file));
}

void append_firmware(Draft& draft) {
  const std::string& firmware = draft.profile.boot.firmware;
  if (firmware == "bios") return;
  if (firmware != "uefi")
    return draft.add("-bios", draft.use_path(PathUse::Kind::read_file, firmware, "boot.firmware"));
  append_flash(draft, "uefi-code", draft.around.uefi_code, true);
  append_flash(draft, "uefi-vars", draft.around.uefi_vars, false);
  draft.add("-machine", "pflash0=uefi-code,pflash1=uefi-vars");
}

}  // namespace

int boot_index(const profiles::Profile& profile, std::string_view kind, int nth) {
  int before = 0;
  for (const std::string& entry : profile.boot.order) {
    if (entry == kind) return before + nth + 1;
    before += count_of(profile, entry);
  }
  return 0;
}

void append_boot(Draft& draft) {
  append_firmware(draft);
  append_kernel(draft);
  // Only from what boot.order names.
  if (!draft.profile.boot.order.empty()) draft.add("-boot", "strict=on");
}

}  // namespace kvmrt::launcher
