// SPDX-License-Identifier: MIT
#include "launcher/latency/load.h"

#include <cstdlib>
#include <fmt/format.h>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "launcher/machine_probe.h"

namespace kvmrt::launcher::latency {
namespace {

std::filesystem::path stress_ng() {
  try {
    return find_program("stress-ng");
  } catch (const SystemError&) {
    throw std::runtime_error("--load needs stress-ng: apt-get install stress-ng");
  }
}

std::filesystem::path scratch_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "kvmrt-load-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("make", name);
  return name;
}

}  // namespace

Load::Load(const partition::CpuSet& cpus) : folder_(scratch_folder()) {
  const std::string each = std::to_string(cpus.count());
  try {
    running_ = std::make_unique<Running>(
        stress_ng(),
        std::vector<std::string>{"stress-ng", "--cpu", each, "--vm", "1", "--vm-bytes", "64M",
                                 "--hdd", "1", "--hdd-bytes", "64M", "--switch", each,
                                 "--temp-path", folder_.string(), "--quiet"},
        cpus, folder_.string());
    if (running_->over(std::chrono::milliseconds(300))) {
      const Ran ran = running_->finish();
      throw std::runtime_error(fmt::format("stress-ng ended at once ({}): {}",
                                           to_string(ran.status), trimmed(ran.errors)));
    }
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    throw;
  }
  text_ = fmt::format("stress-ng on {} (cpu, vm, hdd, switch)", cpus.list());
}

Load::~Load() {
  running_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace kvmrt::launcher::latency
