// SPDX-License-Identifier: MIT
#include "launcher/privileges.h"

#include <algorithm>
#include <cap-ng.h>
#include <cerrno>

#include "base/error.h"

namespace kvmrt::launcher {

Capabilities needed_to_supervise(const profiles::Profile& profile) {
  Capabilities set =
      Capabilities::of(CAP_SYS_NICE).with(CAP_KILL).with(CAP_SYS_PTRACE).with(CAP_DAC_OVERRIDE);
  const bool made_interfaces = std::ranges::any_of(
      profile.networks, [](const auto& n) { return n.type == "tap" || n.type == "macvtap"; });
  return made_interfaces ? set.with(CAP_NET_ADMIN) : set;
}

void keep_only(Capabilities wanted) {
  const Capabilities held = own_capabilities().permitted;
  const auto kept = Capabilities::from_bits(held.bits() & wanted.bits());
  if (kept == held) return;
  capng_clear(CAPNG_SELECT_CAPS);
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if (kept.has(capability))
      capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                   static_cast<unsigned>(capability));
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    throw SystemError("give up", "capabilities", errno == 0 ? EPERM : errno);
}

}  // namespace kvmrt::launcher
