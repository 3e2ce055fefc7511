// SPDX-License-Identifier: MIT
// Catalogue section 2.10: programs that take CPUs, priorities or interrupts into their own hands.
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

/// None of these processes; `unit` is what to stop.
Finding expect_none(const HostView& host, std::initializer_list<std::string_view> names,
                    std::string_view unit) {
  std::vector<std::string> running;
  for (const std::string_view name : names) {
    if (runs(host, name)) running.emplace_back(name);
  }
  if (running.empty()) return good("not running", "not running");
  return bad(join(running) + " running", "not running",
             fix_run(fmt::format("systemctl disable --now {}", unit)));
}

Finding irqbalance(const HostView& host, const Wanted& /*wanted*/) {
  Finding finding = expect_none(host, {"irqbalance"}, "irqbalance");
  if (finding.kind == Finding::Kind::bad) finding.wanted = "not running, or RT CPUs banned (I5)";
  return finding;
}

Finding tuned(const HostView& host, const Wanted& wanted) {
  if (!runs(host, "tuned")) return good("not running", "not running");
  const std::string profile =
      text_of(host, "/etc/tuned/active_profile").value_or("unknown profile");
  Finding finding = bad("running, " + profile, "not running, or its scheduler plugin off",
                        fix_run("systemctl disable --now tuned") +
                            ", or in the tuned profile: [scheduler] enabled=false (then host.yaml: "
                            "on_conflict: {tuned: warn})");
  if (wanted.rt()) finding.level = Level::required;  // host.yaml: on_conflict refuses by default
  return finding;
}

Finding stalld(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"stalld"}, "stalld");
}

Finding ksmtuned(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"ksmtuned"}, "ksm ksmtuned");
}

Finding numad(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"numad"}, "numad");
}

Finding thermald(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"thermald"}, "thermald");
}

Finding power_profiles(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"power-profiles-daemon"}, "power-profiles-daemon");
}

Finding firmware_refresh(const HostView& host, const Wanted& /*wanted*/) {
  const bool enabled = host.exists("/etc/systemd/system/timers.target.wants/fwupd-refresh.timer");
  return verdict(!enabled, enabled ? "enabled" : "not enabled", "not enabled",
                 fix_run("systemctl mask --now fwupd-refresh.timer"));
}

Finding error_collectors(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"rasdaemon", "mcelog"}, "rasdaemon mcelog");
}

Finding statistics_collectors(const HostView& host, const Wanted& /*wanted*/) {
  Finding finding = expect_none(host, {"netdata", "collectd", "telegraf", "node_exporter", "pmcd"},
                                "netdata collectd telegraf");
  if (finding.kind == Finding::Kind::bad) finding.wanted = "no thread on each CPU";
  return finding;
}

Finding libvirt(const HostView& host, const Wanted& /*wanted*/) {
  Finding finding = expect_none(host, {"libvirtd", "virtqemud"}, "libvirtd virtqemud");
  if (finding.kind == Finding::Kind::bad) finding.wanted = "not managing the same CPUs";
  return finding;
}

Finding containers(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"kubelet", "dockerd", "containerd", "crio"},
                     "kubelet docker containerd (or keep their cpusets off the RT CPUs)");
}

Finding zfs(const HostView& host, const Wanted& /*wanted*/) {
  const bool loaded = host.exists("/sys/module/zfs");
  return verdict(
      !loaded, loaded ? "module zfs loaded" : "not loaded", "not loaded",
      "keep guest disks on another file system; after loading zfs, S4 shows its threads");
}

Finding auditing(const HostView& host, const Wanted& /*wanted*/) {
  return expect_none(host, {"auditd"}, "auditd");
}

constexpr std::array kChecks{
    Check{"D1", "irqbalance", Level::info, Scope::host, "moves interrupts by itself, see I5",
          irqbalance},
    Check{"D2", "tuned", Level::recommended, Scope::host,
          "its scheduler plugin drags vCPU threads back to housekeeping CPUs", tuned},
    Check{"D3", "stalld", Level::recommended, Scope::host, "boosts starved threads over the vCPUs",
          stalld},
    Check{"D4", "ksmtuned", Level::recommended, Scope::host, "switches page merging on", ksmtuned},
    Check{"D5", "numad", Level::recommended, Scope::host, "moves memory between nodes", numad},
    Check{"D6", "thermald", Level::recommended, Scope::host, "injects idle time", thermald},
    Check{"D7", "power-profiles-daemon", Level::recommended, Scope::host,
          "changes frequency preferences", power_profiles},
    Check{"D8", "fwupd-refresh.timer", Level::recommended, Scope::host,
          "reading firmware state raises SMIs on all CPUs", firmware_refresh},
    Check{"D9", "rasdaemon, mcelog", Level::info, Scope::host, "poll for corrected errors",
          error_collectors},
    Check{"D10", "statistics collectors", Level::recommended, Scope::host,
          "a thread on every CPU hangs for ever behind a FIFO vCPU", statistics_collectors},
    Check{"D11", "libvirtd", Level::recommended, Scope::host, "manages CPUs and cgroups of VMs too",
          libvirt},
    Check{"D12", "container CPU managers", Level::recommended, Scope::host,
          "give the same CPUs to containers", containers},
    Check{"D13", "ZFS", Level::recommended, Scope::host, "its task queues ignore isolation", zfs},
    Check{"D14", "auditd", Level::info, Scope::host, "a record per system call of the VM",
          auditing},
};

}  // namespace

std::span<const Check> daemon_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
