// SPDX-License-Identifier: MIT
#include "launcher/spawn_errors.h"

#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>

namespace kvmrt::launcher {
namespace {

std::string name_of(const ChildSpec& spec) {
  return std::filesystem::path(spec.argv.front()).filename();
}

std::string limit_value(const ChildSpec& spec, int resource) {
  for (const Limit& limit : spec.confinement.limits)
    if (limit.resource == resource)
      return limit.hard == RLIM_INFINITY ? "unlimited" : std::to_string(limit.hard);
  return "?";
}

std::string user_of(const ChildSpec& spec) {
  return spec.confinement.user ? spec.confinement.user->name : "?";
}

std::string capabilities_of(const ChildSpec& spec) {
  return to_string(spec.confinement.capabilities.value_or(Capabilities()));
}

std::string death_signal_of(const ChildSpec& spec) {
  return std::to_string(spec.die_with_parent.value_or(0));
}

struct Text {
  std::string act, object;
};

Text text_of(const ChildSpec& spec, const Failure& failure) {
  const std::string name = name_of(spec);
  switch (failure.step) {
    case Step::descriptor:
      return {"hand a descriptor to " + name + " as number", std::to_string(failure.item)};
    case Step::session:
      return {"start a session for", name};
    case Step::cgroup:
      return {"put " + name + " into cgroup", spec.cgroup};
    case Step::policy:
      return {"set policy of " + name + " to", "SCHED_OTHER"};
    case Step::affinity:
      return {"set CPU affinity of " + name + " to", spec.cpus.list()};
    case Step::memory_nodes:
      return {"bind memory of " + name + " to node", spec.memory_nodes.list()};
    case Step::limit:
      return {fmt::format("set {} of {} to", limit_name(failure.item), name),
              limit_value(spec, failure.item)};
    case Step::oom_score:
      return {"set oom_score_adj of " + name + " to", std::to_string(*spec.oom_score_adj)};
    case Step::working_directory:
      return {"enter folder for " + name, spec.working_directory};
    case Step::user:
      return {"run " + name + " as user", user_of(spec)};
    case Step::capabilities:
      return {"set capabilities of " + name + " to", capabilities_of(spec)};
    case Step::no_new_privs:
      return {"set no_new_privs of", name};
    case Step::death_signal:
      return {"set parent-death signal of " + name + " to", death_signal_of(spec)};
    case Step::permission:
      return {"be let go as", name};
    case Step::execute:
      break;
  }
  return {"execute", spec.executable};
}

std::string hint_of(const ChildSpec& spec, const Failure& failure) {
  switch (failure.step) {
    case Step::affinity:
      return "these CPUs must be online and within the cpuset of "
             "the launcher (Cpus_allowed_list in /proc/self/status)";
    case Step::memory_nodes:
      return "see /sys/devices/system/node/has_memory and Mems_allowed_list in /proc/self/status";
    case Step::limit:
      return failure.error == EPERM ? "raising a hard limit needs CAP_SYS_RESOURCE" : "";
    case Step::user:
      return failure.error == EPERM ? "changing the user needs CAP_SETUID and CAP_SETGID" : "";
    case Step::oom_score:
      return failure.error == EACCES ? "lowering it needs CAP_SYS_RESOURCE" : "";
    case Step::cgroup:
      return "see cgroup.controllers and cgroup.type there";
    case Step::execute:
      if (failure.error != EACCES) return "";
      return "user " + (spec.confinement.user ? user_of(spec) : "of the caller") +
             " needs execute permission on it and on each folder above";
    case Step::descriptor:
    case Step::session:
    case Step::policy:
    case Step::working_directory:
    case Step::capabilities:
    case Step::no_new_privs:
    case Step::death_signal:
    case Step::permission:
      break;
  }
  return {};
}

}  // namespace

const char* limit_name(int resource) {
  switch (resource) {
    case RLIMIT_CORE:
      return "RLIMIT_CORE";
    case RLIMIT_MEMLOCK:
      return "RLIMIT_MEMLOCK";
    case RLIMIT_NOFILE:
      return "RLIMIT_NOFILE";
    case RLIMIT_RTPRIO:
      return "RLIMIT_RTPRIO";
    default:
      return "a resource limit";
  }
}

SystemError step_error(const ChildSpec& spec, const Failure& failure) {
  Text text = text_of(spec, failure);
  return {std::move(text.act), std::move(text.object), failure.error, hint_of(spec, failure)};
}

SystemError fork_error(const ChildSpec& spec, int error) {
  if (!spec.cgroup.empty() && error != EAGAIN && error != ENOMEM)
    return step_error(spec, {Step::cgroup, 0, error});
  return {"fork for", name_of(spec), error};
}

}  // namespace kvmrt::launcher
