// SPDX-License-Identifier: MIT
// Gives CPUs of the host to VMs and takes them back. The host is reconciled, not scripted: acquire,
// release and recover are one operation with other leases (docs/architecture.md section 2). All
// calls are synchronous, never log, and hold the ledger's lock only while they run.
//
//   Keeper keeper(this_host(), default_run_dir());
//   keeper.preview({lease}, policy)  → what would be changed; needs no privilege
//   keeper.acquire({lease}, policy)  → host changed, proven by reading back
//   keeper.mark_qemu(vm, qemu);  keeper.mark_started(vm);  cont
//   keeper.release(vm)               → host as it was
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/problem.h"
#include "partition/host.h"
#include "partition/knob.h"
#include "partition/lease.h"
#include "partition/policy.h"
#include "partition/topology.h"

namespace kvmrt::partition {

/// $KVMRT_RUNDIR, else /run/kvmrt.
std::filesystem::path default_run_dir();

/// What was done, or would be, and what is worth saying about it (warnings only: knobs that the
/// kernel manages, edits by others, tasks that cannot be moved).
struct Transition {
  std::vector<Change> changes;
  Problems problems;
};

struct Released {
  std::vector<Change> changes;  ///< what was put back
  Problems problems;            ///< reports: others' edits that were left alone
  Problems left;                ///< errors: what could not be restored (exit code 5)
};

/// Thrown by acquire when it failed and the way back failed too: what() is the first failure,
/// left() names what is still changed; the ledger keeps it for a later recover.
class NotRestored : public SystemError {
 public:
  NotRestored(const SystemError& cause, Problems left);
  [[nodiscard]] const Problems& left() const { return left_; }

 private:
  Problems left_;
};

class Keeper {
 public:
  /// The run directory is made (mode 0700) by the first acquire. `host` outlives the keeper.
  Keeper(std::shared_ptr<Host> host, std::filesystem::path run_dir);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// What acquire would change, in its order. Reads only what an unprivileged user may read.
  [[nodiscard]] Transition preview(const std::vector<Lease>& more, const HostPolicy& policy) const;

  /// The same for a machine known only by its topology (--input): changes of its CPUs.
  [[nodiscard]] static Transition preview_on(const HostTopology& topology,
                                             const std::vector<Lease>& more,
                                             const HostPolicy& policy);

  /// Takes all these leases or none, in one reconcile. Recovers first. Answers problems when
  /// refused before anything was touched (overlap with a running VM, host.yaml's rules); throws
  /// SystemError naming the knob when the host refused and everything was undone, NotRestored when
  /// that failed in part. Leases need vm, supervisor, plan and request.
  Checked<Transition> acquire(std::vector<Lease> more, const HostPolicy& policy);

  /// QEMU exists (still stopped). From now on its threads are the VM's, not strangers.
  void mark_qemu(const std::string& vm, const ProcessId& qemu);
  /// What plays the guest's TPM exists. It is ended with the lease, where it has not ended itself.
  void mark_tpm(const std::string& vm, const ProcessId& tpm);
  /// On disk when it returns: a kept guest survives its supervisor from here on.
  void mark_started(const std::string& vm);
  /// A new supervisor takes over a kept guest. Throws SystemError ESRCH without such a lease.
  void adopt(const std::string& vm, const ProcessId& supervisor);

  /// QEMU must be gone. Absent lease: nothing is done (idempotent).
  Released release(const std::string& vm);

  /// Drops dead leases (killing a QEMU that was never marked started) and puts the host in line
  /// with those that live. Idempotent, safe at any time.
  Released recover();

  /// Moves an unreadable ledger aside (to ledger.json.damaged) and forgets its originals: the way
  /// out when recover throws because of it. Answers the new name, "" when there was none.
  std::string forget_damaged_ledger();

  /// The live and dead leases as last written; needs no lock and no privilege beyond reading the
  /// run directory. Empty without a ledger or with one of an earlier boot.
  [[nodiscard]] std::vector<Lease> leases() const;
  /// CPUs that we hold offline now, also those of VMs that ended while another RT VM runs: the
  /// planner may count on them as on online ones.
  [[nodiscard]] CpuSet taken_offline() const;
  /// Whether a lease still counts (lease.h).
  [[nodiscard]] bool alive(const Lease& lease) const;

  /// Where the host is not as the live leases want it: tasks that crept onto owned CPUs, knobs that
  /// someone turned back, kworkers born since, a partition that became invalid. Changes nothing.
  [[nodiscard]] Transition drift() const;
  /// Puts that right; what was someone else's edit is named in problems.
  Transition repair();

  /// The cgroup directory where the VM's QEMU must be spawned ("/sys/fs/cgroup/kvmrt-NAME/vm"), ""
  /// when affinity alone confines it. Valid after acquire.
  [[nodiscard]] std::string cgroup_of(const std::string& vm) const;

  /// CPUs to hold offline from now on whether or not a VM runs (siblings: at-boot); the empty set
  /// gives them back once no RT lease needs it. Beside a running RT VM each hotplug is a warning,
  /// or with `disturb: refuse` a problem in place of any change. Throws as acquire does.
  Checked<Transition> hold_offline(const CpuSet& cpus, const HostPolicy& policy);

 private:
  struct Session;
  std::shared_ptr<Host> host_;
  std::filesystem::path run_dir_;
};

}  // namespace kvmrt::partition
