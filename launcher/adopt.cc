// SPDX-License-Identifier: MIT
#include "launcher/adopt.h"

#include <algorithm>
#include <cerrno>
#include <fmt/core.h>

#include "base/error.h"
#include "base/file.h"
#include "qmp/listen.h"

namespace kvmrt::launcher {

using partition::Keeper;
using partition::Lease;

std::optional<Lease> kept_guest(const Keeper& keeper, const std::string& vm) {
  for (const Lease& lease : keeper.leases()) {
    if (lease.vm == vm && lease.started && lease.qemu && alive(*lease.qemu)) return lease;
  }
  return std::nullopt;
}

Charge adopt_qemu(Charge charge, const Lease& kept, Keeper& keeper) {
  auto pidfd = open_process(*kept.qemu);
  if (!pidfd) throw SystemError("adopt", fmt::format("process {}", kept.qemu->pid.value()), ESRCH);
  charge.qemu = *kept.qemu;
  charge.tpm = kept.tpm;
  charge.pidfd = std::move(*pidfd);
  charge.monitor = qmp::connect_to(charge.folder.qmp_socket());
  charge.adopted = true;
  // The guest runs by what it was started with, whatever the profile says by now.
  charge.wishes.plan = kept.plan;
  charge.wishes.most_vcpus = kept.request.nr_vcpus;
  charge.wishes.nr_vcpus = kept.request.nr_vcpus;
  if (const auto before = read_state(charge.folder)) {
    charge.state = *before;
    charge.wishes.nr_vcpus = std::min(before->nr_vcpus, kept.request.nr_vcpus);
    charge.state.supervisor = own_process();
    charge.wishes.iothreads.clear();
    for (const auto& [name, tid] : before->reported.iothreads)
      charge.wishes.iothreads.push_back(name);
  }
  charge.state.qemu = charge.qemu;
  keeper.adopt(kept.vm, own_process());
  write_state(charge.folder, charge.state);
  return charge;
}

GuestShutdown unwatched_shutdown(std::string_view log, std::uint64_t mark) {
  // ShutdownCause in QEMU's run-state.json; the numbers are those of 7.2 to 10.
  constexpr std::string_view kPowerOff = "qemu_system_shutdown_request reason=6";
  for (const std::string_view line : lines_of(log.substr(std::min<std::size_t>(mark, log.size()))))
    if (line.ends_with(kPowerOff)) return {true, "guest-shutdown"};
  return {true, "guest-reset"};
}

}  // namespace kvmrt::launcher
