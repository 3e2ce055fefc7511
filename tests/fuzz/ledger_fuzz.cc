// SPDX-License-Identifier: MIT
// libraries: kvmrt_partition kvmrt_base
// Any text as the ledger. Asserted beyond "no crash": what was understood is written as text that
// is understood as the same.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "partition/ledger.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_ledger(std::string_view text) {
  using namespace kvmrt::partition;  // NOLINT(google-build-using-namespace)
  try {
    const Ledger ledger = ledger_of_json(text);
    const std::string written = to_json(ledger);
    const Ledger again = ledger_of_json(written);
    require(again.leases == ledger.leases && again.knobs == ledger.knobs &&
            again.masks == ledger.masks && again.policies == ledger.policies);
  } catch (const std::runtime_error&) {  // a refusal that says what is wrong
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_ledger(text);
  return 0;
}
