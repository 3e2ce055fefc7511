// SPDX-License-Identifier: MIT
#include "qmp/replies.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include <nlohmann/json.hpp>

#include "qmp/error.h"
#include "qmp/message.h"

namespace kvmrt::qmp {

using nlohmann::json;

namespace {

[[noreturn]] void refuse(std::string_view command, std::string_view wanted, const json& found) {
  const std::string text = found.dump(-1, ' ', false, json::error_handler_t::replace);
  throw QmpError(QmpError::Kind::protocol,
                 fmt::format("{}: {} expected, found '{}'", command, wanted, excerpt(text)));
}

const json& array_of(std::string_view command, const json& value) {
  if (!value.is_array()) refuse(command, "an array", value);
  return value;
}

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

/// A number that fits a thread id or an index: 0 and up.
std::optional<int> number(const json* value) {
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  const auto wide = value->get<std::uint64_t>();
  if (wide > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return std::nullopt;
  return static_cast<int>(wide);
}

int number_in(std::string_view command, const json& object, const char* key) {
  const auto found = number(member(object, key));
  if (!found) refuse(command, fmt::format("a number '{}'", key), object);
  return *found;
}

std::string text_in(std::string_view command, const json& object, const char* key) {
  const json* found = member(object, key);
  if (found == nullptr || !found->is_string()) refuse(command, fmt::format("a '{}'", key), object);
  return found->get<std::string>();
}

std::string optional_text_in(const json& object, const char* key) {
  const json* found = member(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_in(std::string_view command, const json& object, const char* key) {
  const json* found = member(object, key);
  if (found == nullptr || !found->is_boolean())
    refuse(command, fmt::format("true or false for '{}'", key), object);
  return found->get<bool>();
}

std::map<std::string, int> props_in(const json& object) {
  std::map<std::string, int> props;
  const json* found = member(object, "props");
  if (found == nullptr || !found->is_object()) return props;
  for (const auto& [key, value] : found->items())
    if (const auto place = number(&value)) props[key] = *place;
  return props;
}

}  // namespace

RunState parse_run_state(const json& value) {
  constexpr const char* kCommand = "query-status";
  return {text_in(kCommand, value, "status"), flag_in(kCommand, value, "running")};
}

std::vector<VcpuThread> parse_vcpus(const json& value) {
  constexpr const char* kCommand = "query-cpus-fast";
  std::vector<VcpuThread> vcpus;
  for (const json& cpu : array_of(kCommand, value))
    vcpus.push_back({number_in(kCommand, cpu, "cpu-index"),
                     Tid(number_in(kCommand, cpu, "thread-id")), optional_text_in(cpu, "qom-path"),
                     props_in(cpu)});
  std::stable_sort(vcpus.begin(), vcpus.end(), [](const VcpuThread& a, const VcpuThread& b) {
    return a.cpu_index < b.cpu_index;
  });
  return vcpus;
}

std::vector<IothreadInfo> parse_iothreads(const json& value) {
  constexpr const char* kCommand = "query-iothreads";
  std::vector<IothreadInfo> iothreads;
  for (const json& iothread : array_of(kCommand, value))
    iothreads.push_back(
        {text_in(kCommand, iothread, "id"), Tid(number_in(kCommand, iothread, "thread-id"))});
  return iothreads;
}

KvmState parse_kvm(const json& value) {
  constexpr const char* kCommand = "query-kvm";
  return {flag_in(kCommand, value, "enabled"), flag_in(kCommand, value, "present")};
}

Version parse_version(const json& value) {
  constexpr const char* kCommand = "query-version";
  const json* qemu = member(value, "qemu");
  if (qemu == nullptr) refuse(kCommand, "a 'qemu'", value);
  return {number_in(kCommand, *qemu, "major"), number_in(kCommand, *qemu, "minor"),
          number_in(kCommand, *qemu, "micro"), optional_text_in(value, "package")};
}

std::vector<HotpluggableCpu> parse_hotpluggable_cpus(const json& value) {
  constexpr const char* kCommand = "query-hotpluggable-cpus";
  std::vector<HotpluggableCpu> cpus;
  for (const json& cpu : array_of(kCommand, value))
    cpus.push_back({text_in(kCommand, cpu, "type"), props_in(cpu),
                    number(member(cpu, "vcpus-count")).value_or(1),
                    optional_text_in(cpu, "qom-path")});
  return cpus;
}

}  // namespace kvmrt::qmp
