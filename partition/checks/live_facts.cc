// SPDX-License-Identifier: MIT
#include "partition/checks/live_facts.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <linux/kvm.h>
#include <memory>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "partition/cpuset.h"

namespace kvmrt::partition::checks {
namespace {

FileText file_text(const std::string& path) {
  try {
    return {read_file(path), 0};
  } catch (const SystemError& error) {
    return {{}, error.error_number()};
  }
}

FileText kvm_api() {
  const Fd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd) return {{}, errno};
  const int version = ::ioctl(fd.get(), KVM_GET_API_VERSION, 0);
  if (version < 0) return {{}, errno};
  return {std::to_string(version), 0};
}

FileText dma_latency() {
  const Fd fd(::open("/dev/cpu_dma_latency", O_RDONLY | O_CLOEXEC));
  std::int32_t microseconds = 0;
  if (!fd || ::read(fd.get(), &microseconds, sizeof microseconds) != sizeof microseconds)
    return {{}, errno};
  return {std::to_string(microseconds), 0};
}

/// Lines "CPU COUNT" of MSR_SMI_COUNT (0x34, Intel SDM volume 4).
FileText smi_counts() {
  constexpr off_t kSmiCount = 0x34;
  std::string lines;
  const auto online = CpuSet::from_list(file_text("/sys/devices/system/cpu/online").text);
  for (const CpuId cpu : online.value_or(CpuSet{}).members()) {
    const std::string path = "/dev/cpu/" + to_string(cpu) + "/msr";
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::uint64_t count = 0;
    if (!fd || ::pread(fd.get(), &count, sizeof count, kSmiCount) != sizeof count)
      return {{}, errno};
    lines += to_string(cpu) + " " + std::to_string(count) + "\n";
  }
  return {lines, 0};
}

FileText packed_config() {
  constexpr std::size_t kLimit = 4U << 20U;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen("/proc/config.gz", "rbe"), gzclose);
  if (!file) return {{}, errno == 0 ? EIO : errno};
  std::string text;
  std::array<char, 16384> part{};
  while (text.size() < kLimit) {
    const int got = gzread(file.get(), part.data(), static_cast<unsigned>(part.size()));
    if (got < 0) return {{}, EIO};
    if (got == 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return {text, 0};
}

void add_sample(FactFiles& facts, std::chrono::seconds length) {
  facts["/kvmrt/sample/smi_before"] = smi_counts();
  facts["/kvmrt/sample/interrupts_before"] = file_text("/proc/interrupts");
  std::this_thread::sleep_for(length);
  facts["/kvmrt/sample/interrupts_after"] = file_text("/proc/interrupts");
  facts["/kvmrt/sample/smi_after"] = smi_counts();
  facts["/kvmrt/sample/seconds"] = {std::to_string(length.count()), 0};
}

}  // namespace

FactFiles live_facts(std::chrono::seconds sample) {
  FactFiles facts;
  facts["/kvmrt/kvm-api"] = kvm_api();
  facts["/kvmrt/cpu_dma_latency"] = dma_latency();
  facts["/kvmrt/smi"] = smi_counts();
  if (FileText config = packed_config(); config.ok()) facts["/kvmrt/config"] = std::move(config);
  if (sample.count() > 0) add_sample(facts, sample);
  return facts;
}

}  // namespace kvmrt::partition::checks
