// SPDX-License-Identifier: MIT
#include "qemu.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace kvmrt::fake {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr const char* kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, )"
    R"("package": "fake"}, "capabilities": ["oob"]}})"
    "\r\n";

milliseconds time_of(const std::string& text) { return milliseconds(std::atoi(text.c_str())); }

Fd terminating_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Fd(::signalfd(-1, &set, SFD_CLOEXEC));
}

}  // namespace

Qemu::Qemu(Machine machine, Script script)
    : machine_(std::move(machine)),
      script_(std::move(script)),
      threads_(machine_),
      guest_(machine_.actions,
             [this](const std::string& event, const json& data) { monitor_.emit(event, data); }),
      monitor_(machine_.monitor_fd, machine_.monitor_connected,
               script_.has("garbage-greeting") ? "{\"QMP\": {\"versio\r\n" : kGreeting,
               [this](const std::string& command, const json& arguments) {
                 serve(command, arguments);
               }) {
  const int late = script_.has("late-vcpu") ? 1 : 0;
  for (int vcpu = 0; vcpu < machine_.vcpus - late; ++vcpu) threads_.add_vcpu();
  monitor_.no_ids = script_.has("no-ids");
}

int Qemu::run() {
  const Fd signals = terminating_signals();
  monitor_.start();
  if (!machine_.stopped) guest_.cont();
  while (!guest_.exit_code) {
    if (script_.has("silent-after-greeting") && monitor_.fd() >= 0) {
      monitor_.on_readable();  // accepts and greets
      monitor_.deaf = true;
    }
    std::array<pollfd, 2> waited{pollfd{signals.get(), POLLIN, 0},
                                 pollfd{monitor_.fd(), POLLIN, 0}};
    ::poll(waited.data(), waited.size(), wait_limit());
    if (waited[0].revents != 0) on_signal(signals.get());
    if (waited[1].revents != 0) monitor_.on_readable();
    if (!guest_.exit_code) advance();
  }
  monitor_.close(true);
  std::this_thread::sleep_for(time_of(script_.value("linger").value_or("0")));
  return *guest_.exit_code;
}

void Qemu::on_signal(int fd) {
  signalfd_siginfo info{};
  if (::read(fd, &info, sizeof info) != sizeof info || script_.has("ignore-term")) return;
  const auto comm =
      read_file_if_any(fmt::format("/proc/{}/comm", info.ssi_pid)).value_or("unknown process");
  fmt::print(stderr, "qemu-system-x86_64: terminating on signal {} from pid {} ({})\n",
             info.ssi_signo, info.ssi_pid, trimmed(comm));
  guest_.quit("host-signal");
}

int Qemu::wait_limit() const {
  const bool more = !happenings_.empty() || step_ < script_.story().size();
  std::optional<Clock::time_point> next = power_off_;
  if (more && guest_.running()) next = next ? std::min(*next, due_) : due_;
  if (!next) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*next - Clock::now());
  return std::max(0, static_cast<int>(left.count()));
}

void Qemu::advance() {
  if (power_off_ && Clock::now() >= *power_off_) {
    power_off_.reset();
    if (guest_.running()) guest_.happen("poweroff");
  }
  while (guest_.running() && !guest_.exit_code && Clock::now() >= due_) {
    if (!happenings_.empty()) {
      const std::string what = happenings_.front();
      happenings_.erase(happenings_.begin());
      guest_.happen(what);
    } else if (step_ < script_.story().size()) {
      perform(script_.story()[step_++]);
    } else {
      return;
    }
  }
}

void Qemu::happen(const std::string& words) {
  std::size_t begin = 0;
  while (begin <= words.size()) {
    const auto end = std::min(words.find(',', begin), words.size());
    happenings_.push_back(words.substr(begin, end - begin));
    begin = end + 1;
  }
}

void Qemu::perform(const Step& step) {
  const auto or_else = [&](const char* text) { return step.value.empty() ? text : step.value; };
  if (step.name == "wait") due_ = Clock::now() + time_of(step.value);
  if (step.name == "events") happen(step.value);
  if (step.name == "late-thread") threads_.add_helper(or_else("worker"));
  if (step.name == "late-vcpu-thread") threads_.add_by_vcpu(or_else("worker"));
  if (step.name == "drift") threads_.let_vcpu_drift();
  if (step.name == "exit-code") guest_.exit_code = std::atoi(step.value.c_str());
  if (step.name == "crash") std::abort();
  if (step.name == "kill-self") ::kill(::getpid(), SIGKILL);
  if (step.name == "stop-self") ::kill(::getpid(), SIGSTOP);
  if (step.name == "eof") {
    monitor_.close(false);
    monitor_.deaf = true;
  }
  if (step.name == "raw-event") {
    const auto blank = std::min(step.value.find(' '), step.value.size());
    const json data = json::parse(step.value.substr(blank), nullptr, false);
    monitor_.emit(step.value.substr(0, blank), data.is_discarded() ? json() : data);
  }
  if (step.name == "event-flood")
    for (int left = std::atoi(step.value.c_str()); left > 0; --left)
      monitor_.emit("RESET", json::parse(R"({"guest": true, "reason": "guest-reset"})"));
  if (step.name == "stop-flood")
    for (int left = std::atoi(step.value.c_str()); left > 0; --left) monitor_.emit("STOP", json());
  if (step.name == "babble") monitor_.send_raw(std::string(std::size_t{17} << 20U, 'x'));
  if (step.name == "hang") std::this_thread::sleep_for(time_of(or_else("86400000")));
  if (step.name == "serial" && machine_.serial_fd >= 0) {
    const std::string line = step.value + "\r\n";
    if (::write(machine_.serial_fd, line.data(), line.size()) < 0) return;
  }
}

}  // namespace kvmrt::fake
