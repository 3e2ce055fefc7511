// SPDX-License-Identifier: MIT
#include "launcher/launch.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fmt/core.h>
#include <unistd.h>

#include "launcher/adopt.h"
#include "launcher/handover.h"
#include "launcher/latency/gate.h"
#include "launcher/log.h"
#include "launcher/log_files.h"
#include "launcher/machine_firmware.h"
#include "launcher/shared_memory.h"
#include "launcher/spawn.h"
#include "launcher/supervisor.h"
#include "launcher/switch_wait.h"
#include "launcher/tpm.h"
#include "partition/keeper.h"
#include "partition/probe.h"

namespace kvmrt::launcher {
namespace {

using partition::Keeper;
using partition::Lease;

/// Until QEMU's greeting: making and locking memory takes time by its size (4 GiB: 4 s with KVM,
/// 22 s emulated), devices of their own some more.
milliseconds start_limit_of(const Blueprint& made) {
  if (made.profile.qemu.start_timeout.count() > 0) return made.profile.qemu.start_timeout;
  const auto gibs = static_cast<long>(made.profile.memory.size.count() >> 30U) + 1;
  const long seconds_per_gib = made.accelerator == Accelerator::kvm ? 10 : 30;
  const auto devices = static_cast<long>(made.profile.pci.size());
  return std::chrono::seconds(30 + gibs * seconds_per_gib + devices * 30);
}

GuestWishes wishes_of(const Blueprint& made) {
  GuestWishes wishes;
  wishes.plan = made.plan;
  wishes.nr_vcpus = made.profile.nr_vcpus;
  wishes.most_vcpus = made.profile.most_vcpus();
  for (const profiles::Iothread& one : made.profile.iothreads) wishes.iothreads.push_back(one.name);
  wishes.memory = {made.profile.rt_memory, made.profile.memory.size,
                   memory_nodes_of(made.profile, made.plan), bound_apart(made.profile)};
  wishes.kvm = made.accelerator == Accelerator::kvm;
  wishes.recovery_thread = wishes.kvm && kvm_makes_recovery_thread();
  wishes.start_limit = start_limit_of(made);
  return wishes;
}

VmState first_state(const Blueprint& made) {
  VmState state;
  state.name = made.profile.name;
  state.uuid = made.profile.uuid;
  state.boot_id = boot_id();
  state.supervisor = own_process();
  state.nr_vcpus = made.profile.nr_vcpus;
  state.rt = made.profile.rt;
  state.rt_memory = made.profile.rt_memory;
  state.promoted =
      !(made.profile.rt && made.profile.realtime.promote == profiles::Promote::after_boot);
  state.kvm = made.accelerator == Accelerator::kvm;
  state.memory = made.profile.memory.size;
  state.profile_path = made.profile.place.file;
  state.plan = made.plan;
  return state;
}

}  // namespace

Lease lease_of(const Blueprint& made) {
  Lease lease;
  lease.vm = made.profile.name;
  lease.uuid = made.profile.uuid;
  lease.supervisor = own_process();
  lease.plan = made.plan;
  lease.request = made.request;
  return lease;
}

namespace {

VmLock locked(const VmFolder& folder, const std::string& name, Fd inherited = {}) {
  if (auto same = resume_lock(folder, std::move(inherited))) return std::move(*same);
  auto answer = lock_vm(folder);
  if (auto* lock = std::get_if<VmLock>(&answer)) return std::move(*lock);
  Problem busy;
  busy.code = "vm-running";
  busy.vm = name;
  busy.message =
      fmt::format("already supervised by process {}", std::get<HeldBy>(answer).pid.value());
  busy.hint = fmt::format("kvmrt-stat {} shows it", name);
  throw Refused({busy});
}

/// "" where it owns no CPU and so has no partition; the ledger need not be asked then.
std::string cgroup_of(const Blueprint& made, const Keeper& keeper) {
  return made.plan.owned_cpus.empty() ? "" : keeper.cgroup_of(made.profile.name);
}

ChildSpec child_of(const Blueprint& made, const HandedOver& files, const std::string& cgroup,
                   int log_fd) {
  ChildSpec child;
  child.executable = made.permit->binary;
  child.argv = made.invocation.argv;
  child.environment = clean_environment();
  child.cpus = made.plan.emulator_cpus;
  child.memory_nodes = made.plan.numa_nodes;
  child.cgroup = cgroup;
  child.confinement = made.permit->confinement;
  for (const auto& [number, fd] : files.to_qemu) child.fds[number] = fd.get();
  child.stdout_fd = log_fd;
  child.stderr_fd = log_fd;
  if (!made.profile.lifecycle.keep_on_supervisor_death) child.die_with_parent = SIGKILL;
  return child;
}

/// Whose the files are that QEMU opens itself.
std::optional<FileOwner> owner_of(const Blueprint& made) {
  const auto& user = made.permit->confinement.user;
  if (!user) return std::nullopt;
  return FileOwner{user->uid, user->gid};
}

/// Before QEMU, which talks to it while it is being made.
std::optional<ProcessId> start_tpm_of(const Blueprint& made, const HandedOver& files,
                                      Keeper& keeper, int log_fd) {
  if (!files.tpm) return std::nullopt;
  TpmStart start;
  start.vm = made.profile.name;
  start.confinement =
      confine(MemlockWay::not_needed, made.permit->user, own_capabilities(), ::geteuid());
  // Its folder is its own, so that not even root's swtpm needs a right beyond its user's.
  start.confinement.capabilities = Capabilities();
  start.cpus = tpm_cpus(made.plan);
  start.channel = files.tpm.get();
  start.log = log_fd;
  start.die_with_parent = !made.profile.lifecycle.keep_on_supervisor_death;
  start.before_exec = [&](const ProcessId& id) { keeper.mark_tpm(made.profile.name, id); };
  return start_tpm(start);
}

/// Starts QEMU, stopped; what it inherits is closed here when this returns.
Charge start_qemu(const Blueprint& made, Charge charge, Keeper& keeper, const std::string& cgroup) {
  rotate_log(charge.folder.console_log());
  const Fd log_fd = open_log(charge.folder.qemu_log());
  HandedOver files = open_handovers(made.invocation.handovers, owner_of(made));
  charge.tpm = start_tpm_of(made, files, keeper, log_fd.get());
  ChildSpec spec = child_of(made, files, cgroup, log_fd.get());
  // On disk before QEMU runs: recover could not end one that it does not know.
  spec.before_exec = [&](const ProcessId& id) { keeper.mark_qemu(made.profile.name, id); };
  Child child = spawn(spec);
  charge.qemu = child.id;
  charge.pidfd = std::move(child.pidfd);
  charge.monitor = std::move(files.monitor);
  charge.console = std::move(files.console);
  charge.state.qemu = charge.qemu;
  charge.state.log_mark = 0;  // a new log
  try {
    write_state(charge.folder, charge.state);
  } catch (...) {
    send_signal(charge.pidfd, SIGKILL);
    reap_within(charge.pidfd, std::chrono::seconds(10));
    throw;
  }
  return charge;
}

/// Tasks are many and alike: counted, not listed (--dry-run lists them).
void show_changes(const std::vector<partition::Change>& changes) {
  std::size_t tasks = 0;
  for (const partition::Change& change : changes) {
    if (change.knob.starts_with("task:"))
      ++tasks;
    else
      log(Level::debug, fmt::format("{}: {} -> {} ({})", change.knob, change.before, change.after,
                                    change.reason));
  }
  if (tasks > 0)
    log(Level::debug, fmt::format("{} tasks moved off the owned CPUs or given a priority", tasks));
}

/// `boot` takes the CPUs of all its VMs in one reconcile, under leases of its own; each VM's
/// supervisor takes its one over. That nobody else supervises the VM, our lock on it says.
bool take_over_lease(const Blueprint& made, Keeper& keeper) {
  for (const Lease& lease : keeper.leases()) {
    if (lease.vm != made.profile.name || lease.qemu || !keeper.alive(lease)) continue;
    if (lease.plan != made.plan || lease.request.pci != made.request.pci) {
      keeper.release(lease.vm);
      return false;
    }
    keeper.adopt(lease.vm, own_process());
    return true;
  }
  return false;
}

void take_cpus(const Blueprint& made, Keeper& keeper) {
  if (take_over_lease(made, keeper)) return;
  partition::keep_topology(state_root(), made.topology);
  const auto taken = keeper.acquire({lease_of(made)}, made.policy);
  Problems problems = taken.problems();
  profiles::locate(problems, made.profile);
  if (!taken) throw Refused(problems);
  for (const Problem& problem : problems) log(Level::warning, to_string(problem));
  show_changes(taken->changes);
}

/// QEMU is gone, or was never there.
void end_tpm_of(const Keeper& keeper, const std::string& vm) {
  for (const Lease& lease : keeper.leases()) {
    if (lease.vm != vm || !lease.tpm) continue;
    try {
      end_tpm(*lease.tpm);
    } catch (const SystemError& error) {
      log(Level::error, fmt::format("swtpm is not ended: {}", error.what()));
    }
  }
}

/// Gives the host back; exit code 5 where that failed in part.
ExitCode give_back(Keeper& keeper, const std::string& vm, ExitCode code) {
  end_tpm_of(keeper, vm);
  drop_unused_shared_memory();
  const partition::Released released = keeper.release(vm);
  for (const Problem& problem : released.problems) log(Level::warning, to_string(problem));
  for (const Problem& problem : released.left)
    log(Level::error, "not restored: " + to_string(problem));
  return released.left.empty() ? code : ExitCode::not_restored;
}

void write_end(const VmFolder& folder, VmState state, ExitCode code, const std::string& text) {
  const bool well = code == ExitCode::done;
  state.status = well ? VmStatus::stopped : VmStatus::failed;
  state.qemu.reset();
  state.message = text;
  state.exit_code = static_cast<int>(code);
  ::unlink(folder.qmp_socket().c_str());
  ::unlink(folder.monitor_socket().c_str());
  ::unlink(folder.agent_socket().c_str());
  write_state(folder, state);
}

/// Of a VM with UEFI. That there is firmware, the blueprint has checked.
void make_firmware_store(const profiles::Profile& profile) {
  if (profile.boot.firmware != "uefi") return;
  if (const auto firmware = find_uefi())
    make_variable_store(*firmware, variable_store_of(profile.name));
}

/// Before the host is touched: a switch may be long in coming.
void await_switches(const Blueprint& made) {
  const auto named = made.profile.qemu.start_timeout;
  Problems problems = wait_for_switches(made.invocation, named.count() > 0 ? named : kSwitchLimit);
  if (problems.empty()) return;
  for (Problem& problem : problems) problem.vm = made.profile.name;
  profiles::locate(problems, made.profile);
  throw Refused(problems);
}

Charge start(const Blueprint& made, Charge charge, Keeper& keeper) {
  const VmFolder folder = charge.folder;
  const VmState state = charge.state;
  try {
    // Files first: what is wrong with them is told before the host changes.
    make_firmware_store(made.profile);
    await_switches(made);
    take_cpus(made, keeper);
    const std::string cgroup = cgroup_of(made, keeper);
    latency::pass_gate(made.profile, made.plan, folder, cgroup);
    return start_qemu(made, std::move(charge), keeper, cgroup);
  } catch (const latency::EndedBefore& ended) {
    const ExitCode code = give_back(keeper, made.profile.name, ended.code());
    write_end(folder, state, code, ended.what());
    throw latency::EndedBefore(code, ended.what());
  } catch (const std::exception& error) {
    give_back(keeper, made.profile.name, ExitCode::failed);
    write_end(folder, state, ExitCode::failed, error.what());
    throw;
  }
}

Charge charge_for(const Blueprint& made, const LaunchOptions& options, VmFolder folder) {
  Charge charge{.profile = made.profile,
                .wishes = wishes_of(made),
                .folder = std::move(folder),
                .state = first_state(made),
                .qemu = {},
                .tpm = {},
                .pidfd = {},
                .monitor = {},
                .console = {},
                .arguments = {}};
  // `serial: stdio` is the console's own wish for the terminal.
  const auto& serial = made.profile.serial;
  charge.console_on_terminal =
      options.console || (!serial.empty() && serial.front().type == "stdio");
  charge.verbose = options.verbose;
  charge.arguments = options.arguments;
  return charge;
}

/// For a guest whose profile is not at hand.
Blueprint bare_blueprint(const Lease& kept) {
  Blueprint made;
  made.profile.name = kept.vm;
  made.profile.rt = kept.plan.rt;
  return made;
}

/// A guest that runs is not left alone because somebody edits its profile.
Blueprint blueprint_or_bare(const BlueprintOptions& options, const Lease& kept) {
  try {
    Blueprint made = make_blueprint(options);
    if (made.profile.name == kept.vm) return made;
    log(Level::error, fmt::format("{} describes {} by now", options.profile, made.profile.name));
  } catch (const Refused& refused) {
    for (const Problem& problem : refused.problems()) log(Level::error, to_string(problem));
  } catch (const std::exception& error) {
    log(Level::error, error.what());
  }
  log(Level::warning, "its profile cannot be had; the guest is supervised by the default rules");
  return bare_blueprint(kept);
}

ExitCode run(Charge charge, Keeper& keeper, const std::function<void()>& on_running) {
  const std::string vm = charge.state.name;
  const VmFolder folder = charge.folder;
  const VmState state = charge.state;
  const ProcessId qemu = charge.qemu;
  Supervisor supervisor(std::move(charge), keeper, on_running);
  const Outcome outcome = supervisor.run();
  if (alive(qemu)) {  // could not be adopted: it stays as it was
    log(Level::error, outcome.text);
    return outcome.code;
  }
  const ExitCode code = give_back(keeper, vm, outcome.code);
  const bool restored = code != ExitCode::not_restored;
  log(outcome.warn ? Level::warning : Level::info,
      outcome.text + (restored ? "; host restored" : ""));
  write_end(folder, state, code, outcome.text);
  return code;
}

}  // namespace

namespace {

ExitCode launch_or_throw(Blueprint made, const LaunchOptions& options,
                         const std::function<void()>& on_running) {
  program_path();  // before an upgrade renames it
  const std::string vm = made.profile.name;
  const VmFolder folder = make_vm_folder(vm);
  const VmLock lock = locked(folder, vm);
  Keeper keeper(partition::this_host(), state_root());
  Charge charge = charge_for(made, options, folder);
  charge.lock = lock.fd();
  if (const std::optional<Lease> kept = kept_guest(keeper, vm)) {
    charge = adopt_qemu(std::move(charge), *kept, keeper);
  } else {
    if (has_error(made.problems)) throw Refused(made.problems);
    write_state(folder, charge.state);
    charge = start(made, std::move(charge), keeper);
  }
  return run(std::move(charge), keeper, on_running);
}

}  // namespace

ExitCode launch(Blueprint made, const LaunchOptions& options,
                const std::function<void()>& on_running) {
  try {
    return launch_or_throw(std::move(made), options, on_running);
  } catch (const latency::EndedBefore& ended) {
    const bool well = ended.code() == ExitCode::done;
    log(well ? Level::info : Level::error, ended.what());
    return ended.code();
  }
}

ExitCode resume(const BlueprintOptions& options, const LaunchOptions& how, Inheritance left) {
  program_path();
  const VmFolder folder = make_vm_folder(left.vm);
  const VmLock lock = locked(folder, left.vm, std::move(left.lock));
  Keeper keeper(partition::this_host(), state_root());
  const std::optional<Lease> kept = kept_guest(keeper, left.vm);
  if (!kept) {
    // QEMU ended between the two programs, and nobody else may tell of it.
    log(Level::error, "QEMU ended while this program took the place of the one before");
    const auto state = read_state(folder).value_or(VmState{});
    const ExitCode code = give_back(keeper, left.vm, ExitCode::qemu_ended);
    write_end(folder, state, code, "QEMU ended while its supervisor was replaced");
    return code;
  }
  set_log(fmt::format("kvmrt-launch: {}", left.vm), how.verbose);
  const Blueprint made = blueprint_or_bare(options, *kept);
  Charge charge = charge_for(made, how, folder);
  charge.lock = lock.fd();
  charge.console = std::move(left.console);
  charge.child = true;
  return run(adopt_qemu(std::move(charge), *kept, keeper), keeper, {});
}

std::vector<std::string> launch_arguments(const BlueprintOptions& options, const std::string& vm) {
  std::vector<std::string> all{"launch", "-f", options.common.config};
  for (const std::string& one : options.common.set) all.insert(all.end(), {"--set", one});
  if (!options.accelerator.empty()) all.insert(all.end(), {"--accel", options.accelerator});
  if (options.console) all.emplace_back("--console");
  if (options.common.verbose) all.emplace_back("-v");
  all.push_back(vm);
  return all;
}

ExitCode stop_kept_guest(const std::string& vm, bool force) {
  const VmFolder folder = make_vm_folder(vm);
  const VmLock lock = locked(folder, vm);
  Keeper keeper(partition::this_host(), state_root());
  const std::optional<Lease> kept = kept_guest(keeper, vm);
  if (!kept) return ExitCode::done;
  Blueprint made = bare_blueprint(*kept);
  std::error_code unreadable;
  if (std::filesystem::exists(folder.agent_socket(), unreadable)) made.profile.agent = "on";
  Charge charge = adopt_qemu(charge_for(made, {}, folder), *kept, keeper);
  return run(std::move(charge), keeper, [force] { ::raise(force ? SIGQUIT : SIGTERM); });
}

}  // namespace kvmrt::launcher
