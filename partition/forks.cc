// SPDX-License-Identifier: MIT
#include "partition/forks.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace kvmrt::partition {

std::optional<std::uint64_t> forks_since_boot(Host& host) {
  constexpr std::string_view kKey = "\nprocesses ";
  const auto stat = host.read("/proc/stat");
  const auto at = stat ? stat->find(kKey) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t count = 0;
  std::from_chars(stat->data() + at + kKey.size(), stat->data() + stat->size(), count);
  return count;
}

void remember_outgoing(const Desired& wanted, const HostState& state, Ledger& ledger) {
  for (const WantedMask& wish : wanted.masks) {
    const auto at = ledger.masks.find(state.tasks[wish.task].tid.value());
    if (at == ledger.masks.end()) continue;
    const MaskRecord& record = at->second;
    if (record.written == record.original || record.written == wish.cpus) continue;
    auto& known = ledger.outgoing;
    if (!known.empty() && known.back() == record.written) continue;
    if (std::find(known.begin(), known.end(), record.written) == known.end())
      known.push_back(record.written);
  }
}

}  // namespace kvmrt::partition
