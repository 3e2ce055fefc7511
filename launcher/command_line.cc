// SPDX-License-Identifier: MIT
#include "launcher/command_line.h"

#include <utility>

#include "launcher/command_line_draft.h"

namespace kvmrt::launcher {

void Draft::add(std::string option, std::string value) {
  result.argv.push_back(std::move(option));
  result.argv.push_back(std::move(value));
}

int Draft::hand_over(Handover handover) {
  handover.fd = around.first_fd + static_cast<int>(result.handovers.size());
  result.handovers.push_back(std::move(handover));
  return result.handovers.back().fd;
}

std::string Draft::hand_over_file(std::string path, int open_flags, int index, std::string key,
                                  int layer) {
  const int set = next_fdset++;
  Options options;
  const int fd = hand_over({.kind = Handover::Kind::file,
                            .path = path,
                            .open_flags = open_flags,
                            .index = index,
                            .key = std::move(key),
                            .layer = layer});
  // `opaque` is for the reader alone: which file this is.
  add("-add-fd", options.set("fd", fd).set("set", set).set("opaque", path));
  return "/dev/fdset/" + std::to_string(set);
}

std::string Draft::use_path(PathUse::Kind kind, std::string path, std::string key) {
  result.paths.push_back({kind, path, std::move(key)});
  return path;
}

std::string Draft::in_state_dir(const std::string& name) const {
  return around.state_dir + "/" + name;
}

bool Draft::machine_is(std::string_view family) const {
  // "pc", "pc-i440fx-7.2"; but "pc-q35-7.2" is a q35.
  const std::string_view type =
      std::string_view(profile.qemu.machine).substr(0, profile.qemu.machine.find(','));
  if (family == "q35") return type.find("q35") != std::string_view::npos;
  if (family == "pc") return type.starts_with("pc") && type.find("q35") == std::string_view::npos;
  return type.starts_with(family);
}

std::string item_key(std::string_view list, int index, std::string_view member) {
  std::string key = std::string(list) + "[" + std::to_string(index) + "]";
  if (!member.empty()) key.append(".").append(member);
  return key;
}

QemuInvocation command_line(const profiles::Profile& profile, const partition::VmPlan& plan,
                            const Surroundings& around) {
  Draft draft{.profile = profile, .plan = plan, .around = around, .result = {}};
  draft.add(around.binary.empty() ? profile.qemu.binary : around.binary);
  append_identity(draft);
  append_machine(draft);
  append_accelerator(draft);
  append_cpu(draft);
  append_smp(draft);
  append_memory(draft);
  append_memory_lock(draft);
  append_clock(draft);
  append_ends(draft);
  append_sandbox(draft);
  append_monitor(draft);
  append_boot(draft);
  append_iothreads(draft);
  append_disks(draft);
  append_networks(draft);
  append_pci(draft);
  append_serial_ports(draft);
  append_agent(draft);
  append_graphics(draft);
  append_input(draft);
  append_sound(draft);
  append_shared_memory(draft);
  append_watchdog(draft);
  append_rng(draft);
  append_tpm(draft);
  for (const std::string& argument : profile.qemu.extra_args) draft.add(argument);
  return std::move(draft.result);
}

}  // namespace kvmrt::launcher
