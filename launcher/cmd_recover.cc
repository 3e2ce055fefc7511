// SPDX-License-Identifier: MIT
// kvmrt recover: give the host back after a supervisor was killed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/options.h"
#include "launcher/shared_memory.h"
#include "partition/keeper.h"

namespace kvmrt::launcher {
namespace {

void print(const partition::Released& released, bool verbose) {
  if (released.changes.empty() && released.left.empty())
    fmt::print("nothing to recover\n");
  else
    fmt::print("{} host settings put back\n", released.changes.size());
  for (const auto& change : released.changes) {
    if (verbose)
      fmt::print("  {}: {} -> {} ({})\n", change.knob, change.before, change.after, change.reason);
  }
  for (const auto& problem : released.problems) fmt::print(stderr, "{}\n", to_string(problem));
  for (const auto& problem : released.left) fmt::print(stderr, "{}\n", to_string(problem));
}

void print_kept(const partition::Keeper& keeper) {
  for (const auto& lease : keeper.leases()) {
    const bool kept = lease.started && lease.qemu;
    fmt::print("{}: still running{}, left alone\n", lease.vm,
               kept ? fmt::format(" (QEMU pid {})", lease.qemu->pid.value()) : "");
  }
}

}  // namespace

int cmd_recover(int argc, char** argv) {
  CLI::App app("Give the host back as it was after a supervisor was killed. Safe at any time.");
  CommonOptions options;
  bool forget = false;
  add_verbose_option(app, options);
  app.add_flag("--forget", forget,
               "move a ledger that cannot be read aside; its settings return at the next reboot");
  if (const auto code = parse_options(app, argc, argv, "  kvmrt-recover -v")) return *code;

  partition::Keeper keeper(partition::this_host(), partition::default_run_dir());
  if (forget) {
    const std::string aside = keeper.forget_damaged_ledger();
    fmt::print("{}\n", aside.empty() ? "there is no ledger" : "ledger moved to " + aside);
    return static_cast<int>(ExitCode::done);
  }
  const partition::Released released = keeper.recover();
  drop_unused_shared_memory();
  print(released, options.verbose);
  print_kept(keeper);
  return static_cast<int>(released.left.empty() ? ExitCode::done : ExitCode::not_restored);
}

}  // namespace kvmrt::launcher
