// SPDX-License-Identifier: MIT
#include "launcher/switch_wait.h"

#include <cstring>
#include <fmt/format.h>
#include <thread>

#include "base/error.h"
#include "launcher/log.h"
#include "launcher/notify.h"
#include "qmp/listen.h"

namespace kvmrt::launcher {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetween{50};

/// "" when it takes connections, else why not.
std::string refusal(const std::string& socket) {
  try {
    qmp::connect_to(socket);
    return {};
  } catch (const SystemError& error) {
    return std::strerror(error.error_number());  // NOLINT(concurrency-mt-unsafe): one thread
  }
}

bool wait_for(const PathUse& use, Clock::time_point end, std::string& why) {
  bool told = false;
  while (!(why = refusal(use.path)).empty()) {
    if (Clock::now() >= end) return false;
    if (!std::exchange(told, true))
      log(Level::info, fmt::format("waits for the switch's socket {} ({})", use.path, use.key));
    std::this_thread::sleep_for(kBetween);
  }
  return true;
}

Problem not_there(const PathUse& use, const std::string& why, std::chrono::milliseconds limit) {
  Problem problem;
  problem.code = "switch-not-there";
  problem.key = use.key;
  problem.message =
      fmt::format("no switch answers at {} after {} s ({})", use.path,
                  std::chrono::duration_cast<std::chrono::seconds>(limit).count(), why);
  problem.hint = "start the switch first; it makes the socket, QEMU is the client";
  return problem;
}

}  // namespace

Problems wait_for_switches(const QemuInvocation& invocation, std::chrono::milliseconds limit) {
  Problems problems;
  const auto end = Clock::now() + limit;
  for (const PathUse& use : invocation.paths) {
    if (use.kind != PathUse::Kind::connect_socket || !use.key.starts_with("networks[")) continue;
    if (problems.empty()) notify_extend_timeout(limit + std::chrono::seconds(10));
    std::string why;
    if (!wait_for(use, end, why)) problems.push_back(not_there(use, why, limit));
  }
  return problems;
}

}  // namespace kvmrt::launcher
