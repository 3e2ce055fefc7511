// SPDX-License-Identifier: MIT
// The commands of the fake's monitor, and how the script spoils their answers.
#include <cstdlib>
#include <fmt/format.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "qemu.h"

namespace kvmrt::fake {

using nlohmann::json;

namespace {

constexpr int kNoThread = 4'194'304;  // above the kernel's largest pid

json place(int core) {
  json props = json::object();
  props["core-id"] = core;
  props["thread-id"] = 0;
  props["socket-id"] = 0;
  return props;
}

std::string device(std::size_t index) {
  return fmt::format("/machine/unattached/device[{}]", index);
}

}  // namespace

void Qemu::serve(const std::string& command, const json& arguments) {
  if (const auto pause = script_.value("slow-reply"))
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(pause->c_str())));
  if (spoil(command)) return;
  if (command == "cont") return cont();
  if (command == "quit") return quit();
  if (command == "device_add") return device_add(arguments);
  if (const auto value = answer(command, arguments)) return monitor_.reply(*value);
  monitor_.refuse("CommandNotFound", "The command " + command + " has not been found");
}

bool Qemu::spoil(const std::string& command) {
  if (script_.meets("silent", command, "")) return true;
  if (script_.meets("refuse", command, "")) {
    monitor_.refuse("GenericError", "scripted refusal");
    return true;
  }
  if (script_.meets("eof-mid-line", command, "query-cpus-fast")) {
    const std::string text = monitor_.reply_text(cpus());
    monitor_.send_raw(text.substr(0, text.size() / 2));
    ::_exit(1);
  }
  if (script_.meets("endless-line", command, "query-status")) {
    monitor_.send_raw("{\"return\": \"" + std::string(std::size_t{17} << 20U, 'x'));
    return true;
  }
  return false;
}

std::optional<json> Qemu::answer(const std::string& command, const json& arguments) {
  if (command == "query-cpus-fast") return cpus();
  if (command == "query-iothreads") return iothreads();
  if (command == "query-hotpluggable-cpus") return hotpluggable_cpus();
  json value = json::object();
  if (command == "query-status") {
    value["status"] = guest_.status();
    value["singlestep"] = false;
    value["running"] = guest_.running();
  } else if (command == "query-kvm") {
    value["enabled"] = machine_.kvm;
    value["present"] = true;
  } else if (command == "query-version") {
    value = json::parse(R"({"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "fake"})");
  } else if (command == "stop") {
    guest_.stop("paused");
  } else if (command == "system_powerdown") {
    note_power_down();
  } else if (command == "system_reset") {
    guest_.reset();
  } else if (command == "set-action") {
    for (const auto& [key, action] : arguments.items()) guest_.actions[key] = action;
  } else {
    return std::nullopt;
  }
  return value;
}

void Qemu::cont() {
  if (!guest_.cont())
    return monitor_.refuse("GenericError", "Resetting the Virtual Machine is required");
  if (script_.has("lose-cont-reply")) {
    guest_.exit_code = 0;
    return;
  }
  if (first_cont_ && script_.has("late-vcpu")) threads_.add_vcpu();
  if (first_cont_ && machine_.kvm) threads_.add_by_vcpu("kvm-nx-lpage-recovery");
  first_cont_ = false;
  monitor_.reply(json::object());
}

void Qemu::quit() {
  if (script_.has("ignore-quit")) return monitor_.reply(json::object());
  guest_.quit("host-qmp-quit");
  monitor_.reply(json::object());
}

void Qemu::note_power_down() {
  guest_.power_down();
  if (script_.has("ignore-powerdown")) return;
  const auto time = script_.value("slow-powerdown").value_or("0");
  power_off_ = Clock::now() + std::chrono::milliseconds(std::atoi(time.c_str()));
}

void Qemu::device_add(const json& arguments) {
  const auto driver = arguments.value("driver", std::string());
  if (!driver.ends_with("-cpu"))
    return monitor_.refuse("GenericError", "'" + driver + "' is not a valid device model name");
  if (threads_.vcpus().size() >= static_cast<std::size_t>(machine_.max_vcpus))
    return monitor_.refuse("GenericError", "no free place for a CPU");
  threads_.add_vcpu();
  monitor_.reply(json::object());
}

json Qemu::cpus() const {
  const std::vector<int> tids = threads_.vcpus();
  json list = json::array();
  for (std::size_t i = 0; i < tids.size(); ++i) {
    json cpu = json::object();
    cpu["thread-id"] = tids[script_.has("duplicate-tids") ? 0 : i];
    if (script_.has("dead-tids")) cpu["thread-id"] = kNoThread + static_cast<int>(i);
    if (const auto pid = script_.value("foreign-tids"))
      cpu["thread-id"] = std::atoi(pid->c_str()) + static_cast<int>(i);
    cpu["props"] = place(static_cast<int>(i));
    cpu["qom-path"] = device(i);
    cpu["cpu-index"] = i;
    cpu["target"] = "x86_64";
    list.push_back(cpu);
  }
  if (script_.has("short-cpu-list") && !list.empty()) list.erase(list.size() - 1);
  return list;
}

json Qemu::iothreads() const {
  json list = json::array();
  for (const auto& [id, tid] : threads_.iothreads()) {
    json one = json::parse(R"({"poll-shrink": 0, "aio-max-batch": 0, "poll-grow": 0,
                               "poll-max-ns": 32768})");
    one["id"] = id;
    one["thread-id"] = tid;
    list.insert(list.begin(), one);  // QEMU does not keep the order of creation either
  }
  return list;
}

json Qemu::hotpluggable_cpus() const {
  json list = json::array();
  const auto plugged = threads_.vcpus().size();
  for (int i = machine_.max_vcpus - 1; i >= 0; --i) {
    json cpu = json::object();
    cpu["props"] = place(i);
    cpu["vcpus-count"] = 1;
    cpu["type"] = machine_.kvm ? "host-x86_64-cpu" : "qemu64-x86_64-cpu";
    if (static_cast<std::size_t>(i) < plugged)
      cpu["qom-path"] = device(static_cast<std::size_t>(i));
    list.push_back(cpu);
  }
  return list;
}

}  // namespace kvmrt::fake
