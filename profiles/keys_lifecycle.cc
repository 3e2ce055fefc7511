// SPDX-License-Identifier: MIT
#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

template <auto action>
Field on(std::string_view name, std::string_view fallback, std::string_view help) {
  return value<&Profile::lifecycle, action>({.name = name,
                                             .type = Type::choice,
                                             .fallback = fallback,
                                             .allowed = "end|restart|pause",
                                             .help = help});
}

}  // namespace

Table lifecycle_keys() {
  return {
      section({.name = "lifecycle", .help = "What happens when the guest or a part of it ends."}),
      value<&Profile::lifecycle, &Lifecycle::shutdown_timeout>(
          {.name = "lifecycle.shutdown_timeout",
           .type = Type::duration,
           .fallback = "60s",
           .help = "How long the guest may take to power itself off."}),
      on<&Lifecycle::on_poweroff>("lifecycle.on_poweroff", "end", "The guest powers itself off."),
      on<&Lifecycle::on_reboot>("lifecycle.on_reboot", "restart",
                                "The guest reboots; restart: in place."),
      on<&Lifecycle::on_crash>("lifecycle.on_crash", "end", "The guest panics."),
      on<&Lifecycle::on_watchdog>("lifecycle.on_watchdog", "end", "The guest's watchdog fires."),
      on<&Lifecycle::on_storage_error>("lifecycle.on_storage_error", "pause",
                                       "A disk's backing fails."),
      value<&Profile::lifecycle, &Lifecycle::keep_on_supervisor_death>(
          {.name = "lifecycle.on_supervisor_death",
           .type = Type::choice,
           .fallback = "keep",
           .allowed = "keep|kill",
           .help = "keep: the guest runs on and can be adopted."}),
  };
}

}  // namespace kvmrt::profiles
