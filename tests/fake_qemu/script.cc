// SPDX-License-Identifier: MIT
#include "script.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <stdexcept>

namespace kvmrt::fake {

namespace {

struct Known {
  std::string_view name;
  std::string_view form;  // of the value
  std::string_view help;
  bool story = false;
};

constexpr std::array kKnown{
    // The start.
    Known{"die-in-init", "MESSAGE", "print it and exit with 1 before the greeting"},
    Known{"die-after", "MS", "with die-in-init: wait before"},
    Known{"crash-in-init", "", "SIGABRT before the greeting"},
    Known{"never-greet", "", "stay in the start for ever; SIGTERM kills"},
    Known{"slow-greeting", "MS", "stay in the start that long"},
    Known{"say", "TEXT", "print a line on standard error at the start"},
    Known{"double-fork", "", "go on in a grandchild, as a daemon does"},
    Known{"unlocked", "", "lock no memory in spite of mem-lock=on"},
    Known{"late-vcpu", "", "the last vCPU's thread appears only after the first cont"},
    // The monitor.
    Known{"silent-after-greeting", "", "read nothing more"},
    Known{"garbage-greeting", "", "greet with a line that is no JSON"},
    Known{"short-cpu-list", "", "query-cpus-fast leaves the last vCPU out"},
    Known{"duplicate-tids", "", "query-cpus-fast tells one thread for all, as single-threaded TCG"},
    Known{"foreign-tids", "PID", "query-cpus-fast tells threads of another process"},
    Known{"dead-tids", "", "query-cpus-fast tells threads that do not exist"},
    Known{"lose-cont-reply", "", "exit with 0 after RESUME, before the reply to cont"},
    Known{"silent", "COMMAND", "never answer this command"},
    Known{"slow-reply", "MS", "wait before each reply"},
    Known{"refuse", "COMMAND", "answer it with GenericError"},
    Known{"eof-mid-line", "[COMMAND]", "die in the middle of the reply (default query-cpus-fast)"},
    Known{"endless-line", "[COMMAND]", "answer with a line of 17 MiB (default query-status)"},
    Known{"no-ids", "", "leave the ids out of the replies"},
    Known{"ignore-term", "", "take no notice of SIGTERM"},
    Known{"ignore-quit", "", "answer quit, and stay"},
    Known{"ignore-powerdown", "", "POWERDOWN, but the guest does nothing"},
    Known{"slow-powerdown", "MS", "the guest needs that long to power off"},
    Known{"linger", "MS", "exit that long after the monitor has closed"},
    // The story.
    Known{"wait", "MS", "do nothing for that long", true},
    Known{"events", "A,B…",
          "what happens to the guest: poweroff shutdown reboot reset panic\n"
          "                           crashload watchdog io-error internal-error; what QEMU then\n"
          "                           does follows -action and set-action",
          true},
    Known{"raw-event", "NAME[ JSON]", "only the event", true},
    Known{"event-flood", "N", "N times RESET, as a reset loop sends them", true},
    Known{"stop-flood", "N", "N times STOP", true},
    Known{"babble", "", "a line of 17 MiB that nobody asked for", true},
    Known{"hang", "[MS]", "do nothing for that long, not even end at SIGTERM (default: ever)",
          true},
    Known{"serial", "TEXT", "a line on the first serial port", true},
    Known{"late-thread", "[NAME]", "a thread made by the main thread (default worker)", true},
    Known{"late-vcpu-thread", "[NAME]", "the same, made by the first vCPU's", true},
    Known{"drift", "", "the first vCPU lets itself run on all CPUs, SCHED_OTHER", true},
    Known{"exit-code", "N", "exit without an event, as isa-debug-exit does", true},
    Known{"crash", "", "SIGABRT", true},
    Known{"kill-self", "", "SIGKILL", true},
    Known{"stop-self", "", "SIGSTOP", true},
    Known{"eof", "", "close the monitor for good and live on", true},
};

const Known& known(const std::string& name) {
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& one) { return one.name == name; });
  if (found == kKnown.end())
    throw std::runtime_error("KVMRT_FAKE_QEMU: no step '" + name + "'; see fake_qemu --help");
  return *found;
}

Step step_of(std::string_view text) {
  const auto cut = text.find_first_of("=:");
  Step step{std::string(text.substr(0, cut)),
            cut == std::string_view::npos ? std::string() : std::string(text.substr(cut + 1))};
  // The words "exit-code=3-after-cont" say no more than "exit-code=3": a story begins at cont.
  constexpr std::string_view kTail = "-after-cont";
  if (step.value.ends_with(kTail)) step.value.resize(step.value.size() - kTail.size());
  return step;
}

}  // namespace

Script::Script(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find(';'), text.size());
    const Step step = step_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (step.name.empty()) continue;
    (known(step.name).story ? story_ : traits_).push_back(step);
  }
}

bool Script::has(std::string_view name) const { return value(name).has_value(); }

std::optional<std::string> Script::value(std::string_view name) const {
  for (const Step& step : traits_)
    if (step.name == name) return step.value;
  return std::nullopt;
}

bool Script::meets(std::string_view name, std::string_view command,
                   std::string_view otherwise) const {
  return std::any_of(traits_.begin(), traits_.end(), [&](const Step& step) {
    return step.name == name && command == (step.value.empty() ? otherwise : step.value);
  });
}

std::string help_text() {
  std::string text =
      "Usage: KVMRT_FAKE_QEMU='STEP;STEP=VALUE…' fake_qemu QEMU-OPTION…\n\n"
      "A QEMU without a guest: argv, threads, locked memory and monitor as QEMU's.\n\n"
      "How it is:\n";
  bool story = false;
  for (const Known& one : kKnown) {
    if (one.story && !story)
      text += "\nWhat happens, in this order, while the guest runs (from the first cont on):\n";
    story = one.story;
    const std::string step =
        one.form.empty() ? std::string(one.name) : fmt::format("{}={}", one.name, one.form);
    text += fmt::format("  {:<24} {}\n", step, one.help);
  }
  return text;
}

}  // namespace kvmrt::fake
