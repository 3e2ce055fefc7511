// SPDX-License-Identifier: MIT
#include "launcher/latency/evidence.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <stdexcept>

#include "base/file.h"
#include "launcher/guest.h"
#include "launcher/latency/plot.h"
#include "launcher/stat.h"
#include "launcher/validate_host.h"
#include "partition/checks/report.h"
#include "partition/host.h"
#include "partition/irqs.h"

namespace kvmrt::launcher::latency {
namespace {

namespace fs = std::filesystem;

std::string read_or_reason(const fs::path& path) {
  const auto text = read_file_if_any(path);
  return text ? *text : "(not there)\n";
}

/// The first processor's lines that tell the model and the microcode; frequencies change by
/// themselves and would make every diff.
std::string processor(const fs::path& root) {
  static const std::set<std::string_view> kWanted{"vendor_id", "cpu family", "model", "model name",
                                                  "stepping",  "microcode",  "flags", "bugs"};
  std::string text;
  for (const std::string_view line : lines_of(read_or_reason(root / "proc/cpuinfo"))) {
    if (trimmed(line).empty()) break;
    if (kWanted.contains(trimmed(line.substr(0, line.find(':'))))) text += std::string(line) + "\n";
  }
  return text;
}

std::string interrupt_map(const fs::path& root) {
  const auto host = partition::this_host(root);
  std::string text;
  for (const partition::Irq& irq : partition::read_irqs(*host)) {
    const std::string folder = "/proc/irq/" + std::to_string(irq.number);
    const auto allowed = host->read(folder + "/smp_affinity_list");
    const auto effective = host->read(folder + "/effective_affinity_list");
    text += fmt::format("{} {} allowed {} effective {}\n", irq.number, irq.actions,
                        trimmed(allowed.value_or("?")), trimmed(effective.value_or("?")));
  }
  return text;
}

std::string threads() {
  CommonOptions nowhere;
  nowhere.config = "/nonexistent";  // only those that run
  return stat_table(gather_stat(nowhere, {}, true), true);
}

/// All results, without colours and in one width, so that two can be compared.
std::string host_check() {
  try {
    const HostVerdict verdict = validate_host({});
    partition::checks::TableStyle style;
    style.all = true;
    style.width = 100;
    return partition::checks::as_table(verdict.results, verdict.problems, style);
  } catch (const std::exception& error) {
    return fmt::format("(could not be judged: {})\n", error.what());
  }
}

std::string cpus(const fs::path& root) {
  std::string text;
  for (const char* name : {"online", "offline", "isolated", "nohz_full", "possible"})
    text += fmt::format("{}: {}\n", name,
                        trimmed(read_or_reason(root / "sys/devices/system/cpu" / name)));
  text +=
      fmt::format("clocksource: {}\n",
                  trimmed(read_or_reason(
                      root / "sys/devices/system/clocksource/clocksource0/current_clocksource")));
  return text;
}

Evidence read_bundle(const fs::path& folder) {
  if (!fs::exists(folder / "report.json"))
    throw std::runtime_error(
        fmt::format("{}: no bundle of kvmrt-latency --bundle: it has no "
                    "report.json",
                    folder.string()));
  Evidence evidence;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".svg")
      evidence[entry.path().filename()] = read_file(entry.path());
  }
  return evidence;
}

}  // namespace

Evidence gather_evidence(const fs::path& root) {
  Evidence evidence;
  evidence["kernel.txt"] = read_or_reason(root / "proc/version");
  evidence["cmdline.txt"] = read_or_reason(root / "proc/cmdline");
  evidence["processor.txt"] = processor(root);
  evidence["cpus.txt"] = cpus(root);
  evidence["interrupts.txt"] = interrupt_map(root);
  evidence["interrupt-counts.txt"] = read_or_reason(root / "proc/interrupts");
  if (root == "/") {
    evidence["threads.txt"] = threads();
    evidence["validate-host.txt"] = host_check();
  }
  return evidence;
}

void write_bundle(const fs::path& folder, const Evidence& evidence, const Report& report) {
  fs::create_directories(folder);
  if (!fs::is_empty(folder))
    throw std::runtime_error(
        fmt::format("{}: has files in it already; a bundle wants a new folder", folder.string()));
  for (const auto& [name, text] : evidence) replace_file(folder / name, text, 0644);
  replace_file(folder / "report.json", report_to_json(report), 0644);
  replace_file(folder / "report.txt", report_table(report), 0644);
}

std::string diff_lines(const std::string& a, const std::string& b) {
  const auto in_a = lines_of(a), in_b = lines_of(b);
  const std::multiset<std::string_view> has_a(in_a.begin(), in_a.end());
  const std::multiset<std::string_view> has_b(in_b.begin(), in_b.end());
  std::string text;
  for (const std::string_view line : in_a)
    if (!has_b.contains(line)) text += fmt::format("- {}\n", line);
  for (const std::string_view line : in_b)
    if (!has_a.contains(line)) text += fmt::format("+ {}\n", line);
  return text;
}

std::string diff_bundles(const fs::path& a, const fs::path& b) {
  const Evidence in_a = read_bundle(a), in_b = read_bundle(b);
  std::set<std::string> names;
  for (const Evidence* one : {&in_a, &in_b})
    for (const auto& [name, text] : *one) names.insert(name);
  std::string text;
  for (const std::string& name : names) {
    // Counts differ in every two bundles; the reports are compared below.
    if (name.starts_with("report.") || name == "interrupt-counts.txt") continue;
    const auto found_a = in_a.find(name), found_b = in_b.find(name);
    const std::string lines = diff_lines(found_a == in_a.end() ? "" : found_a->second,
                                         found_b == in_b.end() ? "" : found_b->second);
    if (!lines.empty()) text += name + "\n" + lines;
  }
  if (in_a.at("report.json") != in_b.at("report.json"))
    text += compare(a.string(), report_from_json(in_a.at("report.json")), b.string(),
                    report_from_json(in_b.at("report.json")));
  return text;
}

}  // namespace kvmrt::launcher::latency
