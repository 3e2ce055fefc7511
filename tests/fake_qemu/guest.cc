// SPDX-License-Identifier: MIT
#include "guest.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace kvmrt::fake {

using nlohmann::json;

namespace {

json reset_data(bool by_guest, const char* reason) {
  json data = json::object();
  data["guest"] = by_guest;
  data["reason"] = reason;
  return data;
}

json action_data(const std::string& action) {
  json data = json::object();
  data["action"] = action;
  return data;
}

json storage_data() {
  return json::parse(R"({"device": "", "nospace": false, "node-name": "disk0",
      "reason": "Input/output error", "operation": "read", "action": "stop"})");
}

}  // namespace

bool Guest::cont() {
  for (const char* final : {"shutdown", "guest-panicked", "watchdog", "internal-error"})
    if (status_ == final) return false;
  if (running()) return true;
  status_ = "running";
  emit_("RESUME", nullptr);
  return true;
}

void Guest::stop(const std::string& status) {
  if (!running()) return;
  status_ = status;
  emit_("STOP", nullptr);
}

void Guest::power_down() { emit_("POWERDOWN", nullptr); }

void Guest::shut_down(bool by_guest, const std::string& reason, int code) {
  emit_("SHUTDOWN", reset_data(by_guest, reason.c_str()));
  if (actions["shutdown"] != "pause") {
    exit_code = code;
    return;
  }
  stop("shutdown");
  status_ = "shutdown";
}

void Guest::quit(const std::string& reason) {
  emit_("SHUTDOWN", reset_data(false, reason.c_str()));
  exit_code = 0;
}

void Guest::reset() {
  if (actions["reboot"] == "shutdown") return shut_down(false, "host-qmp-system-reset", 0);
  emit_("RESET", reset_data(false, "host-qmp-system-reset"));
  if (!running()) status_ = "prelaunch";
}

void Guest::reboot() {
  if (actions["reboot"] == "shutdown") return shut_down(true, "guest-reset", 0);
  emit_("RESET", reset_data(true, "guest-reset"));
}

void Guest::panic() {
  const std::string action = actions["panic"];
  if (action == "none") return;
  if (action == "pause" || (action == "shutdown" && actions["shutdown"] == "pause")) {
    emit_("GUEST_PANICKED", action_data("pause"));
    return stop("guest-panicked");
  }
  emit_("GUEST_PANICKED", action_data("poweroff"));
  shut_down(true, "guest-panic", action == "exit-failure" ? 1 : 0);
}

void Guest::watchdog() {
  const std::string action = actions["watchdog"];
  emit_("WATCHDOG", action_data(action));
  if (action == "pause") stop("watchdog");
  if (action == "poweroff") exit_code = 0;  // without SHUTDOWN: plain exit(0)
  if (action == "shutdown") power_down();
  if (action == "reset") reboot();
}

void Guest::happen(const std::string& what) {
  if (what == "poweroff" || what == "shutdown") return shut_down(true, "guest-shutdown", 0);
  if (what == "reboot" || what == "reset") return reboot();
  if (what == "panic") return panic();
  if (what == "crashload") return emit_("GUEST_CRASHLOADED", action_data("run"));
  if (what == "watchdog") return watchdog();
  if (what == "internal-error") return stop("internal-error");
  if (what != "io-error") throw std::runtime_error("KVMRT_FAKE_QEMU: no event '" + what + "'");
  emit_("BLOCK_IO_ERROR", storage_data());
  stop("io-error");
}

}  // namespace kvmrt::fake
