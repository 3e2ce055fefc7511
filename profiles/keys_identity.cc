// SPDX-License-Identifier: MIT
// KVM-RT's attributes, under their names and with their meaning.
#include <fmt/format.h>

#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

std::optional<int> part_of(std::string_view text) {
  Problems ignored;
  Sink sink(ignored, "", "", "");
  int number = 0;
  read_value(Node::plain(std::string(text)), Key{.type = Type::integer, .allowed = "1..4096"},
             number, sink);
  if (!ignored.empty()) return std::nullopt;
  return number;
}

std::optional<CpuTopology> topology_of(const std::string& text) {
  const std::size_t first = text.find(',');
  const std::size_t second = first == std::string::npos ? first : text.find(',', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const auto trim = [](std::string_view part) {
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    return part;
  };
  const std::string_view all = text;
  const auto sockets = part_of(trim(all.substr(0, first)));
  const auto cores = part_of(trim(all.substr(first + 1, second - first - 1)));
  const auto threads = part_of(trim(all.substr(second + 1)));
  if (!sockets || !cores || !threads) return std::nullopt;
  return CpuTopology{*sockets, *cores, *threads};
}

void read_topology_map(const Node& node, Profile& profile, Sink& sink) {
  constexpr Key kNumber{.type = Type::integer, .allowed = "1..4096"};
  for (const Entry& entry : node.entries) {
    if (entry.value.is_null()) continue;
    int* part = entry.key == "sockets"   ? &profile.topology.sockets
                : entry.key == "cores"   ? &profile.topology.cores
                : entry.key == "threads" ? &profile.topology.threads
                                         : nullptr;
    if (part == nullptr) {
      sink.say(
          entry.value, "unknown-key",
          fmt::format("there is no key '{}'; allowed here: sockets, cores, threads", entry.key),
          entry.key);
      continue;
    }
    Problems found;
    Sink below(found, "", "", "");
    read_value(entry.value, kNumber, *part, below);
    if (!found.empty()) sink.refuse(entry.value, found[0].code, wanted(kNumber), entry.key);
  }
}

void read_topology(const Node& node, const Key& key, void* root, std::size_t /*index*/,
                   Sink& sink) {
  auto& profile = *static_cast<Profile*>(root);
  if (node.is_scalar() && node.text == "auto") {
    profile.topology_auto = true;
    return;
  }
  profile.topology_auto = false;
  if (node.is_map()) return read_topology_map(node, profile, sink);
  const auto topology = node.is_scalar() ? topology_of(node.text) : std::nullopt;
  if (!topology) {
    profile.topology_auto = true;
    return sink.refuse(node, "wrong-type", wanted(key));
  }
  profile.topology = *topology;
}

Node write_topology(const Key& /*key*/, const void* root, std::size_t /*index*/) {
  const CpuTopology& topology = static_cast<const Profile*>(root)->topology;
  Node map = Node::map();
  map.at("sockets") = Node::plain(std::to_string(topology.sockets));
  map.at("cores") = Node::plain(std::to_string(topology.cores));
  map.at("threads") = Node::plain(std::to_string(topology.threads));
  return map;
}

void read_rt_memory(const Node& node, const Key& key, void* root, std::size_t /*index*/,
                    Sink& sink) {
  auto& profile = *static_cast<Profile*>(root);
  profile.rt_memory_auto = node.is_scalar() && node.text == "auto";
  if (!profile.rt_memory_auto) read_value(node, key, profile.rt_memory, sink);
}

Node write_rt_memory(const Key& key, const void* root, std::size_t /*index*/) {
  return write_value(key, static_cast<const Profile*>(root)->rt_memory);
}

Table name_keys() {
  return {
      value<&Profile::name>(
          {.name = "name", .type = Type::name, .required = true, .help = "Unique on the host."}),
      value<&Profile::uuid>(
          {.name = "uuid", .type = Type::uuid, .help = "Derived from the name when absent."}),
      value<&Profile::title>({.name = "title", .fallback = "\"\"", .help = "One line for people."}),
      value<&Profile::description>(
          {.name = "description", .fallback = "\"\"", .help = "What the VM is for."}),
  };
}

Table attribute_keys() {
  return {
      value<&Profile::nr_vcpus>({.name = "nr_vcpus",
                                 .type = Type::integer,
                                 .fallback = "1",
                                 .allowed = "1..4096",
                                 .help = "How many virtual CPUs the guest has."}),
      value<&Profile::max_vcpus>({.name = "max_vcpus",
                                  .type = Type::integer,
                                  .fallback = "0",
                                  .allowed = "0..4096",
                                  .help = "How many it may have, with those plugged in while it "
                                          "runs; 0: no more than nr_vcpus. CPUs are planned for "
                                          "all of them."}),
      {{.name = "cpu_topology",
        .type = Type::topology,
        .fallback = "auto",
        .help = "What the guest sees; auto is one socket of nr_vcpus cores with one thread each. "
                "The product must be nr_vcpus, or max_vcpus where that is more."},
       read_topology,
       write_topology},
      value<&Profile::cpuset>({.name = "cpuset",
                               .type = Type::id_set,
                               .fallback = "\"\"",
                               .allowed = "auto",
                               .help = "Host CPUs of all threads of the VM; empty: no biasing; "
                                       "auto: the planner chooses. The lowest takes the emulator "
                                       "threads, the others the vCPUs."}),
      value<&Profile::rt>({.name = "rt",
                           .type = Type::boolean,
                           .fallback = "false",
                           .help = "Real-time: the VM owns its CPUs and their SMT siblings, each "
                                   "vCPU has a CPU of its own. Needs cpuset and rt_memory."}),
      {{.name = "rt_memory",
        .type = Type::boolean,
        .fallback = "auto",
        .allowed = "auto",
        .help = "Lock all memory of the VM; auto: as rt."},
       read_rt_memory,
       write_rt_memory},
      value<&Profile::numatune>({.name = "numatune",
                                 .type = Type::id_set,
                                 .fallback = "auto",
                                 .allowed = "auto",
                                 .help = "Host NUMA nodes that give memory; auto: those of cpuset; "
                                         "empty: unrestricted."}),
      value<&Profile::hide_kvm>({.name = "hide_kvm",
                                 .type = Type::boolean,
                                 .fallback = "false",
                                 .help = "The guest does not see KVM, and loses kvm-clock."}),
      value<&Profile::autostart>({.name = "autostart",
                                  .type = Type::boolean,
                                  .fallback = "true",
                                  .help = "Started by a bare 'kvmrt boot'."}),
  };
}

}  // namespace

Table identity_keys() {
  Table all = name_keys();
  const Table more = attribute_keys();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace kvmrt::profiles
