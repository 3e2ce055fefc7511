// SPDX-License-Identifier: MIT
#include "partition/apply.h"

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "partition/drivers.h"
#include "partition/irqbalance.h"
#include "partition/links.h"
#include "partition/resctrl.h"

namespace kvmrt::partition {
namespace {

void demand(int error, const char* act, const std::string& object, std::string hint = {}) {
  if (error != 0) throw SystemError(act, object, error, std::move(hint));
}

void write(Host& host, const std::string& path, const std::string& text) {
  demand(host.write(path, text), "write", path);
}

/// EIO before 6.11, EPERM since (commit eb29369fa543): interrupts that the kernel places itself.
/// Their file is read-only, so that without CAP_DAC_OVERRIDE not even root may open it: EACCES.
bool is_managed(const std::string& knob, int error) {
  return knob.ends_with("/smp_affinity_list") &&
         (error == EIO || error == EPERM || error == EACCES);
}

/// A device unplugged, a network queue gone, a CPU that someone took away.
bool is_gone(int error) { return error == ENOENT || error == ENODEV; }

void read_back(Host& host, const Change& change) {
  const auto value = read_knob(host, change.knob);
  if (!value || same_value(change.knob, *value, change.after)) return;
  const std::string object = change.knob + " (wanted " + change.after + ", reads " + *value + ")";
  // nr_hugepages takes any number and gives what it has.
  if (change.knob.ends_with("/nr_hugepages"))
    throw SystemError("reserve " + pages_text(change.knob), object, ENOMEM,
                      "free memory on that node, make the guest smaller, or reserve the pages at "
                      "boot: hugepagesz=SIZE hugepages=NODE:COUNT");
  throw SystemError("set", object, EBUSY);
}

void remove_folder(Host& host, const std::string& folder) {
  const int error = host.remove_folder(folder);
  if (error != 0 && error != ENOENT) throw SystemError("remove", folder, error);
}

Outcome perform_controllers(Host& host, const Change& change) {
  const int error = host.write(change.knob, change.after);
  // Somebody else has come to use the controller meanwhile; then it is his.
  if (error == EBUSY && change.after == "-cpuset") return Outcome::gone;
  demand(error, "write", change.knob);
  read_back(host, change);
  return Outcome::done;
}

Outcome perform_knob(Host& host, const Change& change) {
  if (is_partition_knob(change.knob)) {
    if (change.after.empty()) {
      remove_partition(host, change.knob);
    } else {
      if (!change.before.empty()) remove_partition(host, change.knob);
      make_partition(host, change.knob, change.after);
    }
    return Outcome::done;
  }
  if (is_cache_class_knob(change.knob)) {
    if (!change.before.empty()) remove_folder(host, change.knob);
    if (!change.after.empty()) make_cache_class(host, change.knob, change.after);
    read_back(host, change);
    return Outcome::done;
  }
  if (is_link_knob(change.knob)) {
    perform_link(host, change);
    return Outcome::done;
  }
  if (is_driver_knob(change.knob) || is_override_knob(change.knob) || is_module_knob(change.knob)) {
    perform_driver_knob(host, change);
    return Outcome::done;
  }
  if (change.knob == kCacheKnob) {
    write_schemata(host, change.knob, change.after);
    read_back(host, change);
    return Outcome::done;
  }
  if (change.knob == kControllersKnob) return perform_controllers(host, change);
  const int error = change.knob == kBalancerKnob ? write_banned(host, change.after)
                                                 : host.write(change.knob, change.after);
  if (is_managed(change.knob, error)) return Outcome::managed;
  if (is_gone(error)) return Outcome::gone;
  demand(error, "write", change.knob);
  if (change.knob != kBalancerKnob) read_back(host, change);  // it acts at its next round
  return Outcome::done;
}

Outcome perform_mask(Host& host, const Step& step) {
  const int error = host.set_affinity(step.task, step.cpus);
  if (error == ESRCH) return Outcome::gone;
  if (error == EINVAL) return Outcome::stuck;
  demand(error, "set affinity of task", to_string(step.task) + " (" + step.change.reason + ")");
  return Outcome::done;
}

Outcome perform_policy(Host& host, const Step& step) {
  const int error = host.set_scheduling(step.task, step.scheduling);
  if (error == ESRCH) return Outcome::gone;
  demand(error, "set policy of task", to_string(step.task) + " (" + step.change.reason + ")");
  return Outcome::done;
}

void leave(Host& host, const std::string& folder) {
  const auto inside = host.read(folder + "/cgroup.procs");
  if (!inside) return;
  for (const auto pid : fields_of(*inside))
    host.write(std::string(kCgroups) + "/cgroup.procs", std::string(pid));
}

void isolate(Host& host, const std::string& folder, const std::string& cpus) {
  write(host, folder + "/cpuset.cpus", cpus);
  write(host, folder + "/cpuset.cpus.partition", "isolated");
  // The kernel accepts the write also when it refuses the partition: only the text tells.
  const auto kind = host.read(folder + "/cpuset.cpus.partition");
  const std::string reads = kind ? std::string(trimmed(*kind)) : "nothing";
  if (reads != "isolated")
    throw SystemError("isolate CPUs " + cpus + " in", folder + " (" + reads + ")", EBUSY,
                      "another cgroup's cpuset.cpus may name these CPUs: grep . "
                      "/sys/fs/cgroup/*/cpuset.cpus");
}

}  // namespace

void make_partition(Host& host, const std::string& folder, const std::string& cpus) {
  const int made = host.make_folder(folder);
  if (made != EEXIST) demand(made, "make", folder);
  try {
    isolate(host, folder, cpus);
    const int inner = host.make_folder(folder + "/vm");
    if (inner != EEXIST) demand(inner, "make", folder + "/vm");
    write(host, folder + "/cgroup.subtree_control", "+cpuset");
  } catch (const SystemError&) {
    host.remove_folder(folder + "/vm");
    host.remove_folder(folder);
    throw;
  }
}

void remove_partition(Host& host, const std::string& folder) {
  leave(host, folder + "/vm");
  leave(host, folder);
  remove_folder(host, folder + "/vm");
  remove_folder(host, folder);
}

Outcome perform(Host& host, const Step& step) {
  switch (step.act) {
    case Step::Act::knob:
      return perform_knob(host, step.change);
    case Step::Act::mask:
      return perform_mask(host, step);
    case Step::Act::policy:
      return perform_policy(host, step);
  }
  return Outcome::done;
}

}  // namespace kvmrt::partition
