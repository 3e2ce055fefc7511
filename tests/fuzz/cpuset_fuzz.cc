// SPDX-License-Identifier: MIT
// libraries: kvmrt_partition kvmrt_base
// Any text as an ID-set and as a mask. Asserted beyond "no crash": what was understood prints as
// text that means the same set, in both forms; sets obey the rules of sets.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "partition/cpuset.h"

namespace {

using kvmrt::partition::BitSet;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const BitSet& set) {
  require(BitSet::from_list(set.list()) == set);
  require(BitSet::from_hex_mask(set.hex_mask()) == set);
  require(set.members().size() == set.count() && set.subset_of(set));
  BitSet rest = set;
  if (const auto lowest = set.lowest()) rest.erase(*lowest);
  require(set.empty() || (rest.subset_of(set) && !set.subset_of(rest)));
  rest.subtract(set);
  require(rest.empty() && !rest.intersects(set));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto set = BitSet::from_list(text)) check(*set);
  if (const auto set = BitSet::from_hex_mask(text)) check(*set);
  return 0;
}
