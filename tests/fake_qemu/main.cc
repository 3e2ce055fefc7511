// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "qemu.h"

namespace kvmrt::fake {
namespace {

std::chrono::milliseconds time_of(const std::optional<std::string>& text) {
  return std::chrono::milliseconds(text ? std::atoi(text->c_str()) : 0);
}

/// Counts as locked and costs no memory: pages are locked when they are touched.
void lock_memory(const Machine& machine) {
  void* area = ::mmap(nullptr, machine.memory, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area != MAP_FAILED && ::mlock2(area, machine.memory, MLOCK_ONFAULT) == 0) return;
  throw std::runtime_error(
      "mlockall: Cannot allocate memory\nqemu-system-x86_64: locking memory failed");
}

void start_up(const Machine& machine, const Script& script) {
  if (const auto text = script.value("say")) fmt::print(stderr, "{}\n", *text);
  if (script.has("double-fork") && ::fork() != 0) ::_exit(0);
  if (const auto message = script.value("die-in-init")) {
    std::this_thread::sleep_for(time_of(script.value("die-after")));
    throw std::runtime_error(*message);
  }
  if (script.has("crash-in-init")) std::abort();
  if (machine.memory_locked && !script.has("unlocked")) lock_memory(machine);
}

/// QEMU serves its monitor only when all else is done; SIGTERM kills until then.
void wait_for_main_loop(const Script& script) {
  while (script.has("never-greet")) ::pause();
  std::this_thread::sleep_for(time_of(script.value("slow-greeting")));
}

int run(const std::vector<std::string>& arguments) {
  const char* text = ::getenv("KVMRT_FAKE_QEMU");
  const Script script(text == nullptr ? "" : text);
  const Machine machine = machine_of(arguments);
  start_up(machine, script);
  Qemu qemu(machine, script);
  wait_for_main_loop(script);
  return qemu.run();
}

}  // namespace
}  // namespace kvmrt::fake

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--help") {
    fmt::print("{}", kvmrt::fake::help_text());
    return 0;
  }
  if (arguments.size() == 1 && (arguments[0] == "--version" || arguments[0] == "-version")) {
    fmt::print("QEMU emulator version 7.2.22 (fake)\n");
    return 0;
  }
  int code = 1;
  try {
    code = kvmrt::fake::run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "qemu-system-x86_64: {}\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(code);  // the threads never end by themselves
}
