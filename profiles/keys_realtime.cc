// SPDX-License-Identifier: MIT
#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

using partition::CacheRequest;
using partition::EmulatorRequest;

constexpr std::string_view kPriorities = "0..99";

void read_emulator_cpuset(const Node& node, const Key& key, void* root, std::size_t /*index*/,
                          Sink& sink) {
  EmulatorRequest& emulator = static_cast<Profile*>(root)->realtime.emulator;
  if (node.is_scalar() && node.text == "auto") {
    emulator.where = EmulatorRequest::Where::rule;
  } else if (node.is_scalar() && node.text == "housekeeping") {
    emulator.where = EmulatorRequest::Where::housekeeping;
  } else {
    read_value(node, key, emulator.cpus, sink);
    emulator.where =
        emulator.cpus.empty() ? EmulatorRequest::Where::rule : EmulatorRequest::Where::explicit_set;
  }
}

Node write_emulator_cpuset(const Key& /*key*/, const void* root, std::size_t /*index*/) {
  const EmulatorRequest& emulator = static_cast<const Profile*>(root)->realtime.emulator;
  switch (emulator.where) {
    case EmulatorRequest::Where::rule:
      return Node::string("auto");
    case EmulatorRequest::Where::housekeeping:
      return Node::string("housekeeping");
    case EmulatorRequest::Where::explicit_set:
      break;
  }
  return Node::string(emulator.cpus.list());
}

void read_promote_after(const Node& node, const Key& key, void* root, std::size_t /*index*/,
                        Sink& sink) {
  if (!node.is_scalar()) return sink.refuse(node, "wrong-type", wanted(key));
  Realtime& realtime = static_cast<Profile*>(root)->realtime;
  realtime.promote_after_time = node.quoted ? std::nullopt : parse_duration(node.text);
  realtime.promote_after_text = realtime.promote_after_time ? "" : node.text;
}

Node write_promote_after(const Key& /*key*/, const void* root, std::size_t /*index*/) {
  const Realtime& realtime = static_cast<const Profile*>(root)->realtime;
  if (realtime.promote_after_time)
    return Node::plain(std::to_string(realtime.promote_after_time->count()) + "s");
  return Node::string(realtime.promote_after_text);
}

Table scheduling_keys() {
  return {
      section({.name = "realtime", .help = "How the threads of an RT VM are scheduled."}),
      value<&Profile::realtime, &Realtime::scheduling, &Scheduling::policy>(
          {.name = "realtime.policy",
           .type = Type::choice,
           .fallback = "fifo",
           .allowed = "fifo|rr",
           .help = "Scheduling policy of the real-time vCPUs."}),
      value<&Profile::realtime, &Realtime::scheduling, &Scheduling::priority>(
          {.name = "realtime.priority",
           .type = Type::integer,
           .fallback = "1",
           .allowed = "1..99",
           .help = "Their priority. Above 1 it starves kernel threads of the RT host."}),
      value<&Profile::realtime, &Realtime::vcpus>(
          {.name = "realtime.vcpus",
           .type = Type::id_set,
           .fallback = "all",
           .word = "all",
           .help = "Which vCPUs are real-time; the others keep a CPU of their own, SCHED_OTHER."}),
      value<&Profile::realtime, &Realtime::pin>(
          {.name = "realtime.pin",
           .type = Type::map,
           .fallback = "{}",
           .allowed = "vCPU: CPU",
           .help = "Explicit vCPU: CPU pairs, where the rule does not serve."}),
  };
}

Table emulator_keys() {
  return {
      {{.name = "realtime.emulator_cpuset",
        .type = Type::id_set,
        .fallback = "auto",
        .allowed = "auto|housekeeping",
        .help = "Where all threads but vCPUs run; auto: the lowest CPU of cpuset; "
                "housekeeping: the host's CPUs, shared."},
       read_emulator_cpuset,
       write_emulator_cpuset},
      value<&Profile::realtime, &Realtime::emulator, &EmulatorRequest::scheduling,
            &Scheduling::policy>({.name = "realtime.emulator.policy",
                                  .type = Type::choice,
                                  .fallback = "other",
                                  .allowed = "other|fifo|rr",
                                  .help = "Scheduling policy of the emulator threads."}),
      value<&Profile::realtime, &Realtime::emulator, &EmulatorRequest::scheduling,
            &Scheduling::priority>({.name = "realtime.emulator.priority",
                                    .type = Type::integer,
                                    .fallback = "0",
                                    .allowed = kPriorities,
                                    .help = "Their priority; 0 with policy other."}),
      value<&Profile::realtime, &Realtime::promote>({.name = "realtime.promote",
                                                     .type = Type::choice,
                                                     .fallback = "before-start",
                                                     .allowed = "before-start|after-boot",
                                                     .help = "When vCPUs become real-time."}),
      {{.name = "realtime.promote_after",
        .fallback = "\"\"",
        .help = "With promote: after-boot, a duration (20s) or the text of a line on the serial "
                "console."},
       read_promote_after,
       write_promote_after},
  };
}

Table budget_keys() {
  return {
      section({.name = "cache", .help = "A cache class of its own through resctrl."}),
      value<&Profile::cache, &CacheRequest::l3>({.name = "cache.l3",
                                                 .fallback = "\"\"",
                                                 .help = "An amount (1MiB) or a number of ways."}),
      value<&Profile::cache, &CacheRequest::mba>(
          {.name = "cache.mba", .fallback = "\"\"", .help = "Memory bandwidth, a percentage."}),
      value<&Profile::cache, &CacheRequest::exclusive>(
          {.name = "cache.exclusive",
           .type = Type::boolean,
           .fallback = "false",
           .help = "No other class may use these ways."}),
      section({.name = "latency", .help = "What the guest can bear."}),
      value<&Profile::latency, &Latency::budget_us>(
          {.name = "latency.budget_us",
           .type = Type::integer,
           .fallback = "0",
           .allowed = "0..1000000",
           .help = "Longest wake-up latency in microseconds; 0: none named."}),
      value<&Profile::latency, &Latency::preflight>(
          {.name = "latency.preflight_s",
           .type = Type::integer,
           .fallback = "0",
           .allowed = "0..86400",
           .help = "Measure the chosen CPUs for so many seconds before the start; 0: do not."}),
      section({.name = "guest", .help = "What runs inside; used by warnings only."}),
      value<&Profile::guest, &Guest::os>({.name = "guest.os",
                                          .type = Type::choice,
                                          .fallback = "linux",
                                          .allowed = "linux|windows|other",
                                          .help = "The guest's operating system."}),
      value<&Profile::guest, &Guest::realtime>({.name = "guest.realtime",
                                                .type = Type::boolean,
                                                .fallback = "true",
                                                .help = "Whether the guest does real-time work."}),
  };
}

}  // namespace

Table realtime_keys() {
  Table all = scheduling_keys();
  for (const Table& part : {emulator_keys(), budget_keys()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace kvmrt::profiles
