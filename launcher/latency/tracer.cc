// SPDX-License-Identifier: MIT
#include "launcher/latency/tracer.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher::latency {
namespace {

void write_or_throw(const std::filesystem::path& path, const std::string& text) {
  if (const int failed = write_knob(path, text); failed != 0)
    throw SystemError("write", path.string(), failed);
}

void check_available(const std::string& name, const std::filesystem::path& tracefs) {
  const auto text = read_file_if_any(tracefs / "available_tracers");
  if (!text)
    throw std::runtime_error(fmt::format("the tracer {} needs tracefs: mount -t tracefs tracefs {}",
                                         name, tracefs.string()));
  const auto names = fields_of(*text);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw std::runtime_error(
        fmt::format("this kernel has no tracer {} (it has: {}); it needs CONFIG_{}_TRACER", name,
                    trimmed(*text),
                    name == "hwlat"     ? "HWLAT"
                    : name == "osnoise" ? "OSNOISE"
                                        : "TIMERLAT"));
}

}  // namespace

Tracer::Tracer(std::string name, const partition::CpuSet& cpus, std::filesystem::path tracefs)
    : name_(std::move(name)), cpus_(cpus), tracefs_(std::move(tracefs)) {
  check_available(name_, tracefs_);
  instance_ = tracefs_ / "instances" / fmt::format("kvmrt-{}", ::getpid());
  std::error_code failed;
  if (!std::filesystem::create_directory(instance_, failed))
    throw SystemError("make", instance_.string(), failed ? failed.value() : EEXIST);
  try {
    const auto osnoise_cpus = tracefs_ / "osnoise/cpus";
    if (name_ != "hwlat") {
      cpus_before_ = std::string(trimmed(read_file_if_any(osnoise_cpus).value_or("")));
      write_or_throw(osnoise_cpus, cpus_.list());
    }
    write_or_throw(instance_ / "tracing_cpumask", cpus_.hex_mask());
    write_or_throw(instance_ / "current_tracer", name_);
  } catch (...) {
    if (!cpus_before_.empty()) write_knob(tracefs_ / "osnoise/cpus", cpus_before_);
    ::rmdir(instance_.c_str());
    throw;
  }
}

Tracer::~Tracer() {
  write_knob(instance_ / "current_tracer", "nop");
  if (!cpus_before_.empty()) write_knob(tracefs_ / "osnoise/cpus", cpus_before_);
  ::rmdir(instance_.c_str());
}

Traced Tracer::finish() {
  write_knob(instance_ / "tracing_on", "0");
  return parse_trace(name_, read_file(instance_ / "trace"), cpus_);
}

namespace {

using Values = std::map<std::string, double>;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "[003]" among the fields before the time stamp.
std::optional<CpuId> cpu_of(const std::vector<std::string_view>& fields) {
  for (const std::string_view field : fields) {
    if (!field.starts_with('[') || !field.ends_with(']')) continue;
    if (const auto cpu = number_of<int>(field.substr(1, field.size() - 2))) return CpuId(*cpu);
  }
  return std::nullopt;
}

void keep_greatest(Values& values, const std::string& name, double value) {
  const auto [at, fresh] = values.try_emplace(name, value);
  if (!fresh) at->second = std::max(at->second, value);
}

/// "#1 context thread timer_latency 11700 ns"
void take_timerlat(Values& values, const std::vector<std::string_view>& rest) {
  const auto context = std::find(rest.begin(), rest.end(), "context");
  const auto latency = std::find(rest.begin(), rest.end(), "timer_latency");
  if (rest.end() - context < 2 || rest.end() - latency < 2) return;
  if (const auto ns = number_of<std::int64_t>(latency[1]))
    keep_greatest(values, std::string(context[1]) + "_us", static_cast<double>(*ns) / 1000);
}

/// "RUNTIME NOISE PERCENT MAX-SINGLE HW NMI IRQ SIRQ THREAD", of which the first four matter.
void take_osnoise(Values& values, const std::vector<std::string_view>& rest) {
  if (rest.size() < 4) return;
  const auto runtime = number_of<std::int64_t>(rest[0]), noise = number_of<std::int64_t>(rest[1]);
  const auto worst = number_of<std::int64_t>(rest[3]);
  if (!runtime || !noise || !worst || *runtime <= 0) return;
  values["runtime_us"] += static_cast<double>(*runtime);
  values["noise_us"] += static_cast<double>(*noise);
  values["noise_percent"] = 100 * values["noise_us"] / values["runtime_us"];
  keep_greatest(values, "worst_us", static_cast<double>(*worst));
}

/// "#1 inner/outer(us): 12/11 ts:…"
void take_hwlat(Values& values, const std::vector<std::string_view>& rest) {
  const auto label = std::find(rest.begin(), rest.end(), "inner/outer(us):");
  if (rest.end() - label < 2) return;
  const std::string_view pair = label[1];
  const auto slash = pair.find('/');
  if (slash == std::string_view::npos) return;
  const auto inner = number_of<std::int64_t>(pair.substr(0, slash));
  const auto outer = number_of<std::int64_t>(pair.substr(slash + 1));
  if (!inner || !outer) return;
  keep_greatest(values, "worst_us", static_cast<double>(std::max(*inner, *outer)));
  values["gaps"] += 1;
}

}  // namespace

Traced parse_trace(const std::string& tracer, std::string_view trace,
                   const partition::CpuSet& cpus) {
  Traced traced{tracer, {}};
  for (const std::string_view line : lines_of(trace)) {
    if (trimmed(line).starts_with('#')) continue;
    const auto stamp = line.find(": ");
    if (stamp == std::string_view::npos) continue;
    const auto cpu = cpu_of(fields_of(line.substr(0, stamp)));
    if (!cpu || !cpus.has(*cpu)) continue;
    const auto rest = fields_of(line.substr(stamp + 2));
    if (tracer == "timerlat") take_timerlat(traced.cpus[*cpu], rest);
    if (tracer == "osnoise") take_osnoise(traced.cpus[*cpu], rest);
    if (tracer == "hwlat") take_hwlat(traced.cpus[*cpu], rest);
  }
  return traced;
}

}  // namespace kvmrt::launcher::latency
