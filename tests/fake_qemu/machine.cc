// SPDX-License-Identifier: MIT
#include "machine.h"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>

#include "base/bytes.h"
#include "qmp/listen.h"

namespace kvmrt::fake {

namespace {

using Keys = std::map<std::string, std::string>;

/// "socket,id=m,server=on" into {"": "socket", "id": "m", "server": "on"}; ",," is a comma.
Keys keys_of(std::string_view text) {
  Keys keys;
  std::string part;
  const auto finish = [&] {
    const auto equals = part.find('=');
    if (equals == std::string::npos)
      keys.emplace(keys.empty() ? "" : part, keys.empty() ? part : "on");
    else
      keys[part.substr(0, equals)] = part.substr(equals + 1);
    part.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      part += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      part += text[i++];
    } else {
      finish();
    }
  }
  finish();
  return keys;
}

std::string value_of(const Keys& keys, const std::string& key, const std::string& otherwise = {}) {
  const auto found = keys.find(key);
  return found == keys.end() ? otherwise : found->second;
}

int number_of(const std::string& text) { return std::atoi(text.c_str()); }

class Reader {
 public:
  Machine machine;

  /// Returns whether the option was one with a value.
  bool take(const std::string& option, const std::string& value) {
    if (option == "-S") machine.stopped = true;
    if (kFlags.contains(option)) return false;
    if (const auto found = readers_.find(option); found != readers_.end())
      found->second(keys_of(value));
    return true;
  }

  void finish() {
    if (machine.max_vcpus < machine.vcpus) machine.max_vcpus = machine.vcpus;
    open_monitor();
    open_serial();
  }

 private:
  inline static const std::map<std::string, bool> kFlags{
      {"-S", true},          {"-nodefaults", true},  {"-no-user-config", true},
      {"-no-reboot", true},  {"-no-shutdown", true}, {"-nographic", true},
      {"-enable-kvm", true}, {"-snapshot", true}};

  void smp(const Keys& keys) {
    machine.vcpus = number_of(value_of(keys, "", value_of(keys, "cpus", "1")));
    machine.max_vcpus = number_of(value_of(keys, "maxcpus", "0"));
    if (machine.vcpus < 1 || machine.vcpus > 255)
      throw std::runtime_error(fmt::format(
          "Invalid SMP CPUs {}. The max CPUs supported by machine 'fake' is 255", machine.vcpus));
  }

  void memory(const Keys& keys) {
    std::string text = value_of(keys, "", value_of(keys, "size", "128M"));
    if (text.find_first_not_of("0123456789") == std::string::npos) text += "M";
    const auto size = parse_bytes(text);
    if (!size) throw std::runtime_error("-m " + text + ": invalid size");
    machine.memory = size->count();
  }

  void object(const Keys& keys) {
    if (value_of(keys, "") == "iothread") machine.iothreads.push_back(value_of(keys, "id"));
  }

  void device(const Keys& keys) {
    if (value_of(keys, "") == "isa-serial" && serial_.empty()) serial_ = value_of(keys, "chardev");
  }

  void open_monitor() {
    if (monitor_.empty()) return;
    const Keys keys = chardevs_[monitor_];
    const bool server = value_of(keys, "server") == "on";
    machine.monitor_connected = !server;
    if (!keys.contains("fd")) {
      machine.monitor_fd = qmp::listen_at(value_of(keys, "path"), 1).release();
      return;
    }
    machine.monitor_fd = number_of(value_of(keys, "fd"));
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(machine.monitor_fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
      throw std::runtime_error(
          fmt::format("File descriptor '{}' is not a socket", machine.monitor_fd));
  }

  void open_serial() {
    if (serial_.empty()) return;
    const Keys keys = chardevs_[serial_];
    if (keys.contains("fd") && value_of(keys, "server") != "on")
      machine.serial_fd = number_of(value_of(keys, "fd"));
    const std::string path = value_of(keys, "path", value_of(keys, "logfile"));
    constexpr std::string_view kSets = "/dev/fdset/";
    if (path.starts_with(kSets))
      machine.serial_fd = fd_sets_[path.substr(kSets.size())];
    else if (!path.empty() && machine.serial_fd < 0)
      machine.serial_fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }

  std::map<std::string, Keys> chardevs_;
  std::map<std::string, int> fd_sets_;
  std::string monitor_;
  std::string serial_;
  std::map<std::string, std::function<void(const Keys&)>> readers_{
      {"-smp", [this](const Keys& keys) { smp(keys); }},
      {"-m", [this](const Keys& keys) { memory(keys); }},
      {"-object", [this](const Keys& keys) { object(keys); }},
      {"-device", [this](const Keys& keys) { device(keys); }},
      {"-chardev", [this](const Keys& keys) { chardevs_[value_of(keys, "id")] = keys; }},
      {"-add-fd",
       [this](const Keys& keys) {
         fd_sets_[value_of(keys, "set")] = number_of(value_of(keys, "fd"));
       }},
      {"-mon",
       [this](const Keys& keys) { monitor_ = value_of(keys, "chardev", value_of(keys, "")); }},
      {"-accel", [this](const Keys& keys) { machine.kvm |= value_of(keys, "") == "kvm"; }},
      {"-machine", [this](const Keys& keys) { machine.kvm |= value_of(keys, "accel") == "kvm"; }},
      {"-name",
       [this](const Keys& keys) {
         machine.thread_names = value_of(keys, "debug-threads") == "on";
       }},
      {"-overcommit",
       [this](const Keys& keys) { machine.memory_locked = value_of(keys, "mem-lock") == "on"; }},
      {"-action",
       [this](const Keys& keys) {
         for (const auto& [key, value] : keys) machine.actions[key] = value;
       }},
  };
};

}  // namespace

Machine machine_of(const std::vector<std::string>& arguments) {
  Reader reader;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string option = arguments[i];
    if (option.starts_with("--")) option.erase(0, 1);
    if (!option.starts_with('-')) throw std::runtime_error(option + ": invalid option");
    if (reader.take(option, i + 1 < arguments.size() ? arguments[i + 1] : "")) ++i;
  }
  reader.finish();
  return reader.machine;
}

}  // namespace kvmrt::fake
