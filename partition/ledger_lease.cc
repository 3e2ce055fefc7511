// SPDX-License-Identifier: MIT
#include "partition/ledger_lease.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "partition/plan_json.h"

namespace kvmrt::partition {
namespace {

using nlohmann::json;

template <class Set>
Set set_of(const json& value) {
  auto set = Set::from_list(value.get<std::string>());
  if (!set) throw std::runtime_error("not an ID set: " + value.dump());
  return *set;
}

json json_of(const Scheduling& s) { return json::array({static_cast<int>(s.policy), s.priority}); }

Scheduling scheduling_of(const json& value) {
  const int policy = value.at(0).get<int>();
  if (policy < 0 || policy > 2) throw std::runtime_error("not a policy: " + value.dump());
  return {static_cast<Policy>(policy), value.at(1).get<int>()};
}

json json_of(const ProcessId& process) {
  return {{"pid", process.pid.value()}, {"start_time", process.start_time}};
}

ProcessId process_of(const json& value) {
  return {Pid(value.at("pid").get<int>()), value.at("start_time").get<std::uint64_t>()};
}

template <class Set>
json json_of(const Choice<Set>& choice) {
  return {{"kind", static_cast<int>(choice.kind)}, {"set", choice.set.list()}};
}

template <class Set>
Choice<Set> choice_of(const json& value) {
  Choice<Set> choice;
  choice.kind = static_cast<typename Choice<Set>::Kind>(value.at("kind").get<int>());
  choice.set = set_of<Set>(value.at("set"));
  return choice;
}

json iothreads_of(const VmRequest& request) {
  json all = json::array();
  for (const auto& io : request.iothreads) {
    json value = {{"name", io.name}, {"scheduling", json_of(io.scheduling)}};
    if (io.cpus) value["cpus"] = io.cpus->list();
    all.push_back(std::move(value));
  }
  return all;
}

json guest_nodes_of(const VmRequest& request) {
  json all = json::array();
  for (const auto& node : request.guest_nodes) {
    all.push_back({{"vcpus", node.vcpus},
                   {"memory", node.memory.count()},
                   {"host_nodes", node.host_nodes.list()}});
  }
  return all;
}

json pins_of(const VmRequest& request) {
  json all = json::array();
  for (const auto& [vcpu, cpu] : request.pin) all.push_back({vcpu, cpu.value()});
  return all;
}

json json_of(const VmRequest& r) {
  json value = {{"name", r.name},
                {"uuid", r.uuid},
                {"nr_vcpus", r.nr_vcpus},
                {"cpuset", json_of(r.cpuset)},
                {"numatune", json_of(r.numatune)},
                {"rt", r.rt},
                {"rt_memory", r.rt_memory},
                {"realtime", json_of(r.realtime)},
                {"rt_vcpus", r.rt_vcpus},
                {"pin", pins_of(r)},
                {"emulator",
                 {{"where", static_cast<int>(r.emulator.where)},
                  {"cpus", r.emulator.cpus.list()},
                  {"scheduling", json_of(r.emulator.scheduling)}}},
                {"iothreads", iothreads_of(r)},
                {"memory", r.memory.count()},
                {"guest_nodes", guest_nodes_of(r)},
                {"pci", r.pci},
                {"cache", {{"l3", r.cache.l3}, {"mba", r.cache.mba}, {"own", r.cache.exclusive}}}};
  if (r.hugepages) value["hugepages"] = r.hugepages->count();
  value["facts"] = {{"hide_kvm", r.hide_kvm},
                    {"kvm", r.kvm},
                    {"autostart", r.autostart},
                    {"graphics", r.emulated_graphics},
                    {"vnc", r.vnc},
                    {"sound", r.sound},
                    {"user_network", r.user_network},
                    {"disk_without_iothread", r.disk_without_iothread},
                    {"guest_os", r.guest_os},
                    {"guest_realtime", r.guest_realtime},
                    {"guest_sockets", r.guest_sockets},
                    {"guest_cmdline", r.guest_cmdline},
                    {"guest_cmdline_known", r.guest_cmdline_known}};
  return value;
}

void read_facts(const json& value, VmRequest& r) {
  value.at("hide_kvm").get_to(r.hide_kvm);
  value.at("kvm").get_to(r.kvm);
  value.at("autostart").get_to(r.autostart);
  value.at("graphics").get_to(r.emulated_graphics);
  value.at("vnc").get_to(r.vnc);
  value.at("sound").get_to(r.sound);
  value.at("user_network").get_to(r.user_network);
  value.at("disk_without_iothread").get_to(r.disk_without_iothread);
  value.at("guest_os").get_to(r.guest_os);
  value.at("guest_realtime").get_to(r.guest_realtime);
  value.at("guest_sockets").get_to(r.guest_sockets);
  value.at("guest_cmdline").get_to(r.guest_cmdline);
  value.at("guest_cmdline_known").get_to(r.guest_cmdline_known);
}

void read_threads(const json& value, VmRequest& r) {
  for (const auto& pin : value.at("pin")) r.pin[pin.at(0).get<int>()] = CpuId(pin.at(1).get<int>());
  const auto& emulator = value.at("emulator");
  r.emulator.where = static_cast<EmulatorRequest::Where>(emulator.at("where").get<int>());
  r.emulator.cpus = set_of<CpuSet>(emulator.at("cpus"));
  r.emulator.scheduling = scheduling_of(emulator.at("scheduling"));
  for (const auto& io : value.at("iothreads")) {
    IothreadRequest one{io.at("name").get<std::string>(), std::nullopt,
                        scheduling_of(io.at("scheduling"))};
    if (io.contains("cpus")) one.cpus = set_of<CpuSet>(io["cpus"]);
    r.iothreads.push_back(std::move(one));
  }
}

void read_memory(const json& value, VmRequest& r) {
  r.memory = Bytes(value.at("memory").get<std::uint64_t>());
  if (value.contains("hugepages")) r.hugepages = Bytes(value["hugepages"].get<std::uint64_t>());
  for (const auto& node : value.at("guest_nodes")) {
    r.guest_nodes.push_back({node.at("vcpus").get<std::vector<int>>(),
                             Bytes(node.at("memory").get<std::uint64_t>()),
                             set_of<NodeSet>(node.at("host_nodes"))});
  }
  r.cache.l3 = value.at("cache").at("l3").get<std::string>();
  r.cache.mba = value.at("cache").at("mba").get<std::string>();
  r.cache.exclusive = value.at("cache").at("own").get<bool>();
}

VmRequest request_of(const json& value) {
  VmRequest r;
  value.at("name").get_to(r.name);
  value.at("uuid").get_to(r.uuid);
  value.at("nr_vcpus").get_to(r.nr_vcpus);
  r.cpuset = choice_of<CpuSet>(value.at("cpuset"));
  r.numatune = choice_of<NodeSet>(value.at("numatune"));
  value.at("rt").get_to(r.rt);
  value.at("rt_memory").get_to(r.rt_memory);
  r.realtime = scheduling_of(value.at("realtime"));
  value.at("rt_vcpus").get_to(r.rt_vcpus);
  value.at("pci").get_to(r.pci);
  read_threads(value, r);
  read_memory(value, r);
  read_facts(value.at("facts"), r);
  return r;
}

}  // namespace

json json_of(const Lease& lease) {
  json value = {{"vm", lease.vm},
                {"uuid", lease.uuid},
                {"supervisor", json_of(lease.supervisor)},
                {"started", lease.started},
                {"plan", json_of(lease.plan)},
                {"request", json_of(lease.request)}};
  if (lease.qemu) value["qemu"] = json_of(*lease.qemu);
  if (lease.tpm) value["tpm"] = json_of(*lease.tpm);
  return value;
}

Lease lease_of(const json& value) {
  Lease lease;
  lease.vm = value.at("vm").get<std::string>();
  lease.uuid = value.at("uuid").get<std::string>();
  lease.supervisor = process_of(value.at("supervisor"));
  if (value.contains("qemu")) lease.qemu = process_of(value["qemu"]);
  if (value.contains("tpm")) lease.tpm = process_of(value["tpm"]);
  lease.started = value.at("started").get<bool>();
  lease.plan = plan_of(value.at("plan"));
  lease.request = request_of(value.at("request"));
  return lease;
}

json json_of(const HostPolicy& p) {
  json value = {{"irqs", json::object()},
                {"siblings", static_cast<int>(p.siblings)},
                {"disturb", static_cast<int>(p.disturb)},
                {"kthread_priorities",
                 {p.kthread_priorities.rcuc, p.kthread_priorities.ktimers,
                  p.kthread_priorities.ksoftirqd, p.kthread_priorities.kworker}},
                {"kthread_priorities_named", p.kthread_priorities_named},
                {"throttling", static_cast<int>(p.throttling)},
                {"governor", p.power.governor},
                {"services", json::array()},
                {"on_conflict", json::object()}};
  for (const auto& [name, cpus] : p.irqs) value["irqs"][name] = cpus.list();
  for (const auto& service : p.services)
    value["services"].push_back({service.unit, service.cpus.list(), service.priority});
  for (const auto& [name, rule] : p.on_conflict)
    value["on_conflict"][name] = static_cast<int>(rule);
  if (p.power.latency_us) value["latency_us"] = *p.power.latency_us;
  if (p.housekeeping) value["housekeeping"] = p.housekeeping->list();
  return value;
}

HostPolicy policy_of(const json& value) {
  HostPolicy p;
  for (const auto& [name, cpus] : value.at("irqs").items()) p.irqs[name] = set_of<CpuSet>(cpus);
  p.siblings = static_cast<SiblingRule>(value.at("siblings").get<int>());
  p.disturb = static_cast<DisturbRule>(value.at("disturb").get<int>());
  const auto& priorities = value.at("kthread_priorities");
  p.kthread_priorities = {priorities.at(0).get<int>(), priorities.at(1).get<int>(),
                          priorities.at(2).get<int>(), priorities.at(3).get<int>()};
  p.kthread_priorities_named = value.at("kthread_priorities_named").get<bool>();
  p.throttling = static_cast<Throttling>(value.at("throttling").get<int>());
  p.power.governor = value.at("governor").get<std::string>();
  p.power.latency_us.reset();
  if (value.contains("latency_us")) p.power.latency_us = value["latency_us"].get<int>();
  for (const auto& service : value.at("services"))
    p.services.push_back({service.at(0).get<std::string>(), set_of<CpuSet>(service.at(1)),
                          service.at(2).get<int>()});
  for (const auto& [name, rule] : value.at("on_conflict").items())
    p.on_conflict[name] = static_cast<ConflictRule>(rule.get<int>());
  if (value.contains("housekeeping")) p.housekeeping = set_of<CpuSet>(value["housekeeping"]);
  return p;
}

}  // namespace kvmrt::partition
