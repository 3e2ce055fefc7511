// SPDX-License-Identifier: MIT
#include "launcher/vm_state.h"

#include <array>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "partition/plan_json.h"

namespace kvmrt::launcher {
namespace {

using nlohmann::json;

constexpr std::array kStatuses{VmStatus::stopped,     VmStatus::starting, VmStatus::running,
                               VmStatus::paused,      VmStatus::stopping, VmStatus::failed,
                               VmStatus::unsupervised};

/// The value whose name this is; what is not known is an error, like any other damage.
template <class Values>
typename Values::value_type value_named(const Values& values, const std::string& name) {
  for (const auto value : values)
    if (to_string(value) == name) return value;
  throw std::out_of_range(name);
}

json to_json(const ProcessId& process) {
  return {{"pid", process.pid.value()}, {"start_time", process.start_time}};
}

ProcessId process_from(const json& text) {
  return {Pid(text.at("pid").get<int>()), text.at("start_time").get<std::uint64_t>()};
}

json to_json(const ReportedThreads& reported) {
  json vcpus = json::object();
  for (const auto& [index, tid] : reported.vcpus) vcpus[std::to_string(index)] = tid.value();
  json iothreads = json::object();
  for (const auto& [id, tid] : reported.iothreads) iothreads[id] = tid.value();
  return {{"vcpus", std::move(vcpus)}, {"iothreads", std::move(iothreads)}};
}

ReportedThreads reported_from(const json& text) {
  ReportedThreads reported;
  for (const auto& [index, tid] : text.at("vcpus").items())
    reported.vcpus.emplace_back(std::stoi(index), Tid(tid.get<int>()));
  for (const auto& [id, tid] : text.at("iothreads").items())
    reported.iothreads.emplace_back(id, Tid(tid.get<int>()));
  return reported;
}

VmState state_from(const json& text) {
  VmState state;
  state.name = text.at("name");
  state.uuid = text.at("uuid");
  state.status = value_named(kStatuses, text.at("status"));
  state.boot_id = text.at("boot_id");
  state.supervisor = process_from(text.at("supervisor"));
  if (!text.at("qemu").is_null()) state.qemu = process_from(text.at("qemu"));
  state.started_at = text.at("started_at");
  state.nr_vcpus = text.at("nr_vcpus");
  state.rt = text.at("rt");
  state.rt_memory = text.at("rt_memory");
  state.promoted = text.at("promoted");
  state.kvm = text.at("kvm");
  state.memory = Bytes(text.at("memory").get<std::uint64_t>());
  state.profile_path = text.at("profile_path");
  state.profile_digest = text.at("profile_digest");
  state.message = text.at("message");
  if (!text.at("exit_code").is_null()) state.exit_code = text.at("exit_code").get<int>();
  // Not in the states of version 0.1, which an upgraded supervisor adopts.
  if (const auto mark = text.find("log_mark"); mark != text.end() && !mark->is_null())
    state.log_mark = mark->get<std::uint64_t>();
  state.reported = reported_from(text.at("reported"));
  state.plan = partition::plan_of(text.at("plan"));
  return state;
}

}  // namespace

std::string to_string(VmStatus status) {
  switch (status) {
    case VmStatus::stopped:
      return "stopped";
    case VmStatus::starting:
      return "starting";
    case VmStatus::running:
      return "running";
    case VmStatus::paused:
      return "paused";
    case VmStatus::stopping:
      return "stopping";
    case VmStatus::failed:
      return "failed";
    case VmStatus::unsupervised:
      break;
  }
  return "unsupervised";
}

std::string state_to_json(const VmState& state) {
  const json text{{"name", state.name},
                  {"uuid", state.uuid},
                  {"status", to_string(state.status)},
                  {"boot_id", state.boot_id},
                  {"supervisor", to_json(state.supervisor)},
                  {"qemu", state.qemu ? to_json(*state.qemu) : json()},
                  {"started_at", state.started_at},
                  {"nr_vcpus", state.nr_vcpus},
                  {"rt", state.rt},
                  {"rt_memory", state.rt_memory},
                  {"promoted", state.promoted},
                  {"kvm", state.kvm},
                  {"memory", state.memory.count()},
                  {"profile_path", state.profile_path},
                  {"profile_digest", state.profile_digest},
                  {"message", state.message},
                  {"exit_code", state.exit_code ? json(*state.exit_code) : json()},
                  {"log_mark", state.log_mark ? json(*state.log_mark) : json()},
                  {"reported", to_json(state.reported)},
                  {"plan", partition::json_of(state.plan)}};
  return text.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<VmState> state_from_json(std::string_view text) {
  try {
    return state_from(json::parse(text));
  } catch (const std::exception&) {  // of the JSON library, or a number or name out of range
    return std::nullopt;
  }
}

void write_state(const VmFolder& folder, const VmState& state) {
  replace_file(folder.state(), state_to_json(state), 0600, Sync::no);
}

std::optional<VmState> read_state(const VmFolder& folder) {
  const auto text = read_file_if_any(folder.state(), mib(1));
  return text ? state_from_json(*text) : std::nullopt;
}

std::optional<VmState> present_state(const VmFolder& folder, const std::filesystem::path& root) {
  auto state = read_state(folder);
  if (!state || state->boot_id != boot_id(root)) return std::nullopt;
  if (alive(state->supervisor, root)) return state;
  if (state->qemu && alive(*state->qemu, root)) {
    state->status = VmStatus::unsupervised;
  } else if (state->status != VmStatus::stopped && state->status != VmStatus::failed) {
    state->status = VmStatus::failed;
    state->message = "the supervisor was killed, and QEMU has ended";
  }
  return state;
}

}  // namespace kvmrt::launcher
