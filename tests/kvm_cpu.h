// SPDX-License-Identifier: MIT
// The CPU model that a real QEMU starts with under this machine's KVM: tests/kvm-cpu asks one.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "tests/paths.h"

namespace kvmrt::test {

/// "" where KVM cannot be used here at all. Asked once.
inline const std::string& kvm_cpu() {
  static const std::string model = [] {
    std::string text;
    FILE* const asked = ::popen("'" KVMRT_SOURCE_DIR "/tests/kvm-cpu' 2>/dev/null", "r");
    if (asked == nullptr) return text;
    for (int c = std::fgetc(asked); c != EOF && c != '\n'; c = std::fgetc(asked))
      text += static_cast<char>(c);
    ::pclose(asked);
    return text;
  }();
  return model;
}

/// kvmrt's `-cpu host…` in the model that works here; every other argument stays.
inline void suit_to_kvm(std::vector<std::string>& argv) {
  for (std::size_t i = 1; i < argv.size(); ++i) {
    if (argv[i - 1] == "-cpu" && argv[i].rfind("host", 0) == 0) argv[i].replace(0, 4, kvm_cpu());
  }
}

}  // namespace kvmrt::test
