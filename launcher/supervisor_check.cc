// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/core.h>
#include <utility>

#include "base/error.h"
#include "launcher/log.h"
#include "launcher/network_links.h"
#include "launcher/notify.h"
#include "launcher/supervisor.h"
#include "qmp/message.h"

namespace kvmrt::launcher {
namespace {

using boost::system::error_code;

// KVM makes its recovery thread in the first run of the first vCPU, so a little after cont.
constexpr milliseconds kFirstSweep{100};
constexpr milliseconds kSecondSweep{1000};
constexpr std::chrono::seconds kCheckPeriod{10};
constexpr std::chrono::seconds kLate{3};

}  // namespace

void Supervisor::sweep_soon() {
  const milliseconds after = sweeps_left_ > 1 ? kFirstSweep : kSecondSweep;
  sweep_.expires_after(after);
  sweep_.async_wait([this](error_code stopped) {
    if (stopped || finished_) return;
    sweep();
    if (--sweeps_left_ > 0) sweep_soon();
  });
}

void Supervisor::sweep() {
  // Threads of a QEMU that ends go one by one: not as planned, and no drift. Nor are vCPUs that the
  // deadman has demoted.
  if (life_.stage == Stage::stopping || life_.demoted) return;
  const auto guard = deadman_.guard("placing QEMU's threads");
  try {
    for (const Guest::Repair& repair : guest_.sweep(promotion_)) {
      log(repair.known ? Level::warning : Level::debug,
          fmt::format("{} was {}; {}", shown(repair.setting), repair.found,
                      repair.known ? "put back" : "placed"));
    }
    if (!drift_.empty()) log(Level::info, "all threads are as planned again");
    drift_.clear();
  } catch (const std::exception& error) {
    // A QEMU that ends just now has no threads left to find.
    if (!alive(charge_.qemu)) return;
    if (drift_ != error.what()) log(Level::error, error.what());
    drift_ = error.what();
  }
}

void Supervisor::check_later() {
  const milliseconds deadman = life_.deadman;
  const milliseconds period = deadman.count() > 0 ? std::min<milliseconds>(kCheckPeriod, deadman)
                                                  : milliseconds(kCheckPeriod);
  const auto due = std::chrono::steady_clock::now() + period;
  check_.expires_at(due);
  check_.async_wait([this, due](error_code stopped) {
    if (stopped || finished_) return;
    const auto late = std::chrono::steady_clock::now() - due;
    if (late > kLate)
      log(Level::warning,
          fmt::format("this supervisor was not run for {} s: stopped, or starved of its CPUs",
                      std::chrono::duration_cast<std::chrono::seconds>(late).count()));
    ask_for_life();
    check();
    reports_left_ = kReports;
    events_ = 0;
    check_later();
  });
}

void Supervisor::check() {
  look_at_tpm();
  look_at_noise();  // before what does not belong here is moved away
  sweep();
  // A VM that owns nothing of the host has nothing there to drift.
  const bool owns =
      charge_.profile.rt || !charge_.profile.pci.empty() || !links_of(charge_.profile).empty();
  if (!owns || life_.stage == Stage::stopping || life_.demoted) return;
  const auto guard = deadman_.guard("putting the host's settings right");
  try {
    for (const Problem& problem : keeper_.repair().problems) {
      // What stays as it is, such as an IRQ that the kernel keeps, is told once.
      if (told_.insert(problem.message).second) log(Level::warning, problem.message);
    }
  } catch (const std::exception& error) {
    log(Level::error, fmt::format("host not as planned: {}", error.what()));
  }
}

/// QEMU does not say it: the guest's commands just fail.
void Supervisor::look_at_tpm() {
  if (!charge_.tpm || life_.stage == Stage::stopping || alive(*charge_.tpm)) return;
  log(Level::error,
      "swtpm has ended; the guest's TPM answers no more until the VM is started anew");
  charge_.tpm.reset();
}

void Supervisor::begin_noise() {
  try {
    noise_.begin(charge_.state, charge_.adopted);
  } catch (const std::exception& error) {
    log(Level::warning, fmt::format("no interference ledger: {}", error.what()));
  }
}

void Supervisor::look_at_noise() {
  if (life_.stage != Stage::running) return;
  try {
    if (const std::string told = noise_.look(charge_.state); !told.empty())
      log(Level::warning, told + " (kvmrt-stat --noise tells more)");
  } catch (const std::exception& error) {
    log(Level::debug, fmt::format("interference not looked at: {}", error.what()));
  }
}

void Supervisor::sum_up_noise() {
  try {
    if (const std::string told = noise_.summary(charge_.state); !told.empty())
      log(Level::info, told);
  } catch (const std::exception& error) {
    log(Level::debug, fmt::format("interference not summed up: {}", error.what()));
  }
}

void Supervisor::feed_watchdog() {
  const auto interval = watchdog_interval();
  if (!interval || finished_) return;
  try {
    // Fed by QEMU's answer only: a QEMU that hangs is to be seen.
    guest_.monitor().submit("query-status", nlohmann::json::object(), [](const qmp::Reply* reply) {
      if (reply != nullptr) notify_watchdog();
    });
  } catch (const qmp::QmpError&) {
    return;
  }
  watchdog_.expires_after(*interval);
  watchdog_.async_wait([this](error_code stopped) {
    if (!stopped) feed_watchdog();
  });
}

void Supervisor::prepare_promotion() {
  const auto& realtime = charge_.profile.realtime;
  if (!realtime.promote_after_text.empty()) {
    const auto& serial = charge_.profile.serial;
    const bool elsewhere =
        !serial.empty() && serial.front().type == "file" && !serial.front().path.empty();
    const std::string log_path =
        elsewhere ? serial.front().path : charge_.folder.console_log().string();
    promote_watch_.emplace(io_, log_path, realtime.promote_after_text, [this] { promote(); });
    return;
  }
  promote_.expires_after(realtime.promote_after_time.value_or(std::chrono::seconds(0)));
  promote_.async_wait([this](error_code stopped) {
    if (!stopped && !finished_) promote();
  });
}

void Supervisor::promote() {
  promotion_ = Promotion::done;
  try {
    guest_.place_and_prove(promotion_);
    charge_.state.promoted = true;
    log(Level::info, "guest is up; its vCPUs are real-time now, proven");
    show_status();
  } catch (const std::exception& error) {
    drift_ = error.what();
    log(Level::error, fmt::format("promotion failed: {}", drift_));
  }
}

}  // namespace kvmrt::launcher
