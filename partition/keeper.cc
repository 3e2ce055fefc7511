// SPDX-License-Identifier: MIT
#include "partition/keeper.h"

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "partition/conflict.h"
#include "partition/keeper_drift.h"
#include "partition/keeper_files.h"
#include "partition/keeper_rules.h"
#include "partition/reconcile.h"
#include "partition/recover.h"

namespace kvmrt::partition {
namespace {

void append(Problems& to, Problems more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Lease> with(std::vector<Lease> leases, const std::vector<Lease>& more) {
  leases.insert(leases.end(), more.begin(), more.end());
  return leases;
}

}  // namespace

std::filesystem::path default_run_dir() {
  const char* named = std::getenv("KVMRT_RUNDIR");
  return named != nullptr && *named != '\0' ? named : "/run/kvmrt";
}

NotRestored::NotRestored(const SystemError& cause, Problems left)
    : SystemError(cause.act(), cause.object(), cause.error_number(), cause.hint()),
      left_(std::move(left)) {}

/// The ledger under its lock.
struct Keeper::Session {
  explicit Session(const Keeper& keeper)
      : host(*keeper.host_), run_dir(keeper.run_dir_), lock(lock_run_dir(run_dir)) {
    ledger = load_ledger(host, run_dir);
  }

  void save() { save_ledger(host, run_dir, ledger); }

  Settled settle(std::vector<Lease> leases, Resolve resolve) {
    return partition::settle(
        host, ledger, std::move(leases),
        [this](const Ledger& now) { save_ledger(host, run_dir, now); }, resolve);
  }

  /// Dead leases go before anything else is judged. A ledger that is in order is not rewritten.
  Settled recover() {
    auto leases = living(host, ledger.leases);
    if (leases.size() == ledger.leases.size() && (!ledger.pending || ledger.idle())) return {};
    return settle(std::move(leases), Resolve::best);
  }

  Lease& lease(const std::string& vm) {
    Lease* found = ledger.find(vm);
    if (found == nullptr) throw SystemError("find the lease of", vm, ESRCH);
    return *found;
  }

  Host& host;
  std::filesystem::path run_dir;
  Fd lock;
  Ledger ledger;
};

Keeper::Keeper(std::shared_ptr<Host> host, std::filesystem::path run_dir)
    : host_(std::move(host)), run_dir_(std::move(run_dir)) {}

Keeper::~Keeper() = default;

Transition Keeper::preview(const std::vector<Lease>& more, const HostPolicy& policy) const {
  Ledger ledger = peek_ledger(*host_, run_dir_);
  std::erase_if(ledger.leases, [this](const Lease& lease) { return !alive(lease); });
  ledger.policy = policy;
  const HostState state = read_state(*host_, interest_of(ledger, more));
  Transition transition;
  const auto steps = foresee(state, ledger, with(ledger.leases, more), transition.problems);
  append(transition.problems, refusals(*host_, state, ledger, more));
  append(transition.problems, judge_disturbance(steps, ledger, policy));
  append(transition.problems, find_conflicts(*host_, state, policy));
  transition.changes = changes_of(steps);
  return transition;
}

Transition Keeper::preview_on(const HostTopology& topology, const std::vector<Lease>& more,
                              const HostPolicy& policy) {
  Ledger ledger;
  ledger.policy = policy;
  const HostState state = state_of(topology, interest_of(ledger, more));
  Transition transition;
  transition.changes = changes_of(foresee(state, ledger, more, transition.problems));
  return transition;
}

Checked<Transition> Keeper::acquire(std::vector<Lease> more, const HostPolicy& policy) {
  Session session(*this);
  Ledger& ledger = session.ledger;
  Settled before = session.recover();
  if (!before.left.empty()) return before.left;
  ledger.policy = policy;
  const HostState state = read_state(*host_, interest_of(ledger, more));
  Problems problems = refusals(*host_, state, ledger, more);
  append(problems, find_conflicts(*host_, state, policy));
  Problems ignored;
  const auto steps = foresee(state, ledger, with(ledger.leases, more), ignored);
  append(problems, judge_disturbance(steps, ledger, policy));
  if (has_error(problems)) return problems;
  const std::vector<Lease> old = ledger.leases;
  try {
    Settled settled = session.settle(with(old, more), Resolve::strict);
    append(problems, std::move(settled.problems));
    return Checked<Transition>(Transition{changes_of(settled.steps), problems}, problems);
  } catch (const SystemError& cause) {
    if (!ledger.pending) throw;
    Settled undone = session.settle(old, Resolve::best);
    if (undone.left.empty()) throw;
    throw NotRestored(cause, std::move(undone.left));
  }
}

void Keeper::mark_qemu(const std::string& vm, const ProcessId& qemu) {
  Session session(*this);
  session.lease(vm).qemu = qemu;
  session.save();
}

void Keeper::mark_tpm(const std::string& vm, const ProcessId& tpm) {
  Session session(*this);
  session.lease(vm).tpm = tpm;
  session.save();
}

void Keeper::mark_started(const std::string& vm) {
  Session session(*this);
  session.lease(vm).started = true;
  session.save();
}

void Keeper::adopt(const std::string& vm, const ProcessId& supervisor) {
  Session session(*this);
  session.lease(vm).supervisor = supervisor;
  session.save();
}

Released Keeper::release(const std::string& vm) {
  Session session(*this);
  auto leases = session.ledger.leases;
  std::erase_if(leases, [&vm](const Lease& lease) { return lease.vm == vm; });
  if (leases.size() == session.ledger.leases.size() && !session.ledger.pending) return {};
  Settled settled = session.settle(std::move(leases), Resolve::best);
  return {changes_of(settled.steps), std::move(settled.problems), std::move(settled.left)};
}

Released Keeper::recover() {
  std::error_code unreadable;
  if (!std::filesystem::exists(ledger_path(run_dir_), unreadable) && !unreadable) return {};
  Session session(*this);
  Settled settled = session.recover();
  return {changes_of(settled.steps), std::move(settled.problems), std::move(settled.left)};
}

std::string Keeper::forget_damaged_ledger() {
  const auto path = ledger_path(run_dir_);
  if (!std::filesystem::exists(path)) return "";
  const Fd lock = lock_run_dir(run_dir_);
  const std::string aside = path.string() + ".damaged";
  std::filesystem::rename(path, aside);
  return aside;
}

std::vector<Lease> Keeper::leases() const { return peek_ledger(*host_, run_dir_).leases; }

CpuSet Keeper::taken_offline() const {
  const Ledger ledger = peek_ledger(*host_, run_dir_);
  return held_offline(ledger);
}

bool Keeper::alive(const Lease& lease) const { return lease_lives(*host_, lease); }

Transition Keeper::drift() const {
  const Ledger ledger = peek_ledger(*host_, run_dir_);
  return find_drift(*host_, ledger);
}

Transition Keeper::repair() {
  Session session(*this);
  if (session.ledger.idle()) return {};
  Settled settled = session.settle(session.ledger.leases, Resolve::best);
  append(settled.problems, std::move(settled.left));
  return {changes_of(settled.steps), std::move(settled.problems)};
}

std::string Keeper::cgroup_of(const std::string& vm) const {
  const Ledger ledger = peek_ledger(*host_, run_dir_);
  const auto record = ledger.knobs.find(partition_knob(vm));
  if (record == ledger.knobs.end() || record->second.written.empty()) return "";
  return partition_knob(vm) + "/vm";
}

Checked<Transition> Keeper::hold_offline(const CpuSet& cpus, const HostPolicy& policy) {
  Session session(*this);
  Ledger& ledger = session.ledger;
  Settled recovered = session.recover();
  if (!recovered.left.empty()) return recovered.left;
  ledger.policy = policy;
  const CpuSet before = std::exchange(ledger.boot_offline, cpus);
  Problems ignored;
  const HostState state = read_state(*host_, interest_of(ledger, {}));
  const auto steps = foresee(state, ledger, ledger.leases, ignored);
  Problems problems = judge_disturbance(steps, ledger, policy);
  for (Problem& problem : problems) problem.hint = "stop the VM before: kvmrt shutdown";
  if (has_error(problems)) return problems;
  try {
    Settled settled = session.settle(ledger.leases, Resolve::strict);
    append(problems, std::move(settled.problems));
    return Checked<Transition>(Transition{changes_of(settled.steps), problems}, problems);
  } catch (const SystemError& cause) {
    if (!ledger.pending) throw;
    ledger.boot_offline = before;
    Settled undone = session.settle(ledger.leases, Resolve::best);
    if (undone.left.empty()) throw;
    throw NotRestored(cause, std::move(undone.left));
  }
}

}  // namespace kvmrt::partition
