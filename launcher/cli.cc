// SPDX-License-Identifier: MIT
#include "launcher/cli.h"

#include <array>
#include <cstdio>
#include <fmt/core.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/latency/command.h"
#include "partition/keeper.h"

namespace kvmrt::launcher {
namespace {

constexpr std::array kCommands{
    Command{"launch", "run one VM in the foreground to completion", cmd_launch},
    Command{"boot", "start all autostart VMs, or those named", cmd_boot},
    Command{"shutdown", "stop all running VMs, or those named", cmd_shutdown},
    Command{"stat", "state of all VMs, configured or running", cmd_stat},
    Command{"validate-host", "is this host fit, and if not, what to change", cmd_validate_host},
    Command{"latency", "measure wake-up latency, on the host and inside a guest", cmd_latency},
    Command{"recover", "restore the host after a supervisor was killed", cmd_recover},
    Command{"siblings", "take SMT siblings of all RT VMs offline at boot", cmd_siblings},
    Command{"cpu-topology", "packages, nodes, cores and CPUs of this host as a tree",
            cmd_cpu_topology},
    Command{"show-config", "profiles as interpreted, and where each thread would run",
            cmd_show_config},
    Command{"create", "make a commented profile for this host", cmd_create},
    Command{"clone", "copy a VM: profile and disks", cmd_clone},
    Command{"edit-config", "edit a profile, checked before it is put in place", cmd_edit_config},
    Command{"sync-config", "bring the system in line with the profiles", cmd_sync_config},
    Command{"import", "make profiles from libvirt domain XML and kvmrt.cfg", cmd_import},
    Command{"validate-config", "check profiles, and whether this host can run them",
            cmd_validate_config},
};

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

void print_help() {
  fmt::print(
      "Usage: kvmrt COMMAND [OPTION...]\n\n"
      "Runs real-time virtual machines on this host.\n\nCommands:\n");
  for (const Command& command : kCommands)
    fmt::print("  {:<18}{}\n", command.name, command.purpose);
  fmt::print(
      "\n  --help            print this help and exit\n"
      "  --version         print the version and exit\n\n"
      "'kvmrt COMMAND --help' explains a command; kvmrt-COMMAND is the same.\n"
      "Example:\n  kvmrt launch /etc/kvmrt/line3.yaml\n");
}

void print_problems(std::string_view program, const Problems& problems) {
  for (const Problem& problem : problems)
    fmt::print(stderr, "{}: {}\n", program, to_string(problem));
}

int run_guarded(const Command& command, int argc, char** argv) {
  try {
    return command.run(argc, argv);
  } catch (const Refused& refused) {
    print_problems(argv[0], refused.problems());
    return static_cast<int>(ExitCode::refused);
  } catch (const partition::NotRestored& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    print_problems(argv[0], error.left());
    return static_cast<int>(ExitCode::not_restored);
  } catch (const SystemError& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    if (!error.hint().empty()) fmt::print(stderr, "hint: {}\n", error.hint());
    return static_cast<int>(ExitCode::failed);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    return static_cast<int>(ExitCode::failed);
  }
}

int run_command(std::string_view name, int argc, char** argv) {
  const Command* command = find_command(name);
  if (command == nullptr) {
    fmt::print(stderr, "kvmrt: unknown command '{}'\nTry 'kvmrt --help'.\n", name);
    return static_cast<int>(ExitCode::usage);
  }
  std::string full_name = fmt::format("kvmrt-{}", name);
  argv[0] = full_name.data();
  return run_guarded(*command, argc, argv);
}

}  // namespace

int run_program(int argc, char** argv) {
  constexpr std::string_view kPrefix = "kvmrt-";
  std::string_view called = argc > 0 ? argv[0] : "kvmrt";
  if (const auto slash = called.rfind('/'); slash != std::string_view::npos)
    called.remove_prefix(slash + 1);
  if (called.starts_with(kPrefix)) return run_command(called.substr(kPrefix.size()), argc, argv);
  if (called == "cpu-topology") return run_command(called, argc, argv);
  const std::string_view first = argc > 1 ? argv[1] : "--help";
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return static_cast<int>(ExitCode::done);
  }
  if (first == "--version") {
    fmt::print("kvmrt {}\n", KVMRT_VERSION);
    return static_cast<int>(ExitCode::done);
  }
  return run_command(first, argc - 1, argv + 1);
}

}  // namespace kvmrt::launcher
