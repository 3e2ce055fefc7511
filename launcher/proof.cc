// SPDX-License-Identifier: MIT
#include "launcher/proof.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>

#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using partition::NodeSet;

constexpr Tid kWholeProcess(-1);

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Shared memory that QEMU made for its guest looks like a file in the maps.
bool own_file(std::string_view file) {
  constexpr std::array<std::string_view, 4> kOwn{"/memfd:", "/dev/shm/", "/dev/zero",
                                                 "/anon_hugepage"};
  return std::ranges::any_of(kOwn, [&](auto prefix) { return file.starts_with(prefix); });
}

/// The nodes of a mapping's policy, "bind:0-1" or "bind=static:1"; nothing for other policies.
std::optional<NodeSet> bound_to(std::string_view policy) {
  const auto colon = policy.find(':');
  if (!policy.starts_with("bind") || colon == std::string_view::npos) return std::nullopt;
  return NodeSet::from_list(policy.substr(colon + 1));
}

/// One mapping: how many bytes of it lie where they should not.
Bytes outside_in(std::string_view line, const MemoryWish& wish) {
  std::optional<NodeSet> bound;
  std::uint64_t pages = 0;
  std::uint64_t page_kib = 4;
  bool own = true;
  bool huge = false;
  for (const auto field : fields_of(line)) {
    const auto equal = field.find('=');
    const auto value = equal == std::string_view::npos ? "" : field.substr(equal + 1);
    if (field == "huge") huge = true;
    if (wish.apart && field.starts_with("bind")) bound = bound_to(field);
    if (field.starts_with("file=")) own = own_file(value);
    if (field.starts_with("kernelpagesize_kB=")) page_kib = number_of(value);
    if (field.size() < 3 || field[0] != 'N' || field[1] < '0' || field[1] > '9') continue;
    const NodeId node(static_cast<int>(number_of(field.substr(1, equal - 1))));
    const bool allowed =
        (wish.nodes.empty() || wish.nodes.has(node)) && (!bound || bound->has(node));
    if (!allowed) pages += number_of(value);
  }
  return own || huge ? kib(pages * page_kib) : Bytes();
}

/// Where no page can lie wrong, there is nothing to look for (and reading the maps of a large guest
/// walks all of its page tables).
bool cannot_lie_wrong(const MemoryWish& wish, const fs::path& root) {
  if (wish.nodes.empty() && !wish.apart) return true;
  const auto text = read_file_if_any(root / "sys/devices/system/node/has_memory");
  if (!text) return false;
  const auto all = NodeSet::from_list(*text);
  if (!all || (wish.apart && all->count() > 1)) return false;
  return wish.nodes.empty() || all->subset_of(wish.nodes);
}

void prove_lock(const MemoryFacts& facts, const MemoryWish& wish, std::vector<Mismatch>& found) {
  if (!wish.locked || facts.locked_and_huge() >= wish.guest_memory) return;
  found.push_back({kWholeProcess, "qemu", "locked memory",
                   "at least " + to_string(wish.guest_memory), to_string(facts.locked_and_huge())});
}

void prove_nodes(Pid qemu, const MemoryWish& wish, const fs::path& root,
                 std::vector<Mismatch>& found) {
  if (cannot_lie_wrong(wish, root)) return;
  const auto maps = read_file_if_any(root / "proc" / to_string(qemu) / "numa_maps");
  if (!maps) return;  // a kernel without NUMA
  const Bytes outside = outside_nodes(*maps, wish);
  if (outside == Bytes()) return;
  found.push_back({kWholeProcess, "qemu", "memory nodes",
                   wish.apart ? "each part on its own" : wish.nodes.list(),
                   fmt::format("{} on other nodes", to_string(outside))});
}

}  // namespace

MemoryFacts memory_of(Pid pid, const fs::path& root) {
  MemoryFacts facts;
  const auto text = read_file_if_any(root / "proc" / to_string(pid) / "status");
  if (!text) return facts;
  for (const auto line : lines_of(*text)) {
    const auto fields = fields_of(line);
    if (fields.size() < 2) continue;
    if (fields[0] == "VmLck:") facts.locked = kib(number_of(fields[1]));
    if (fields[0] == "VmRSS:") facts.resident = kib(number_of(fields[1]));
    if (fields[0] == "HugetlbPages:") facts.huge = kib(number_of(fields[1]));
  }
  return facts;
}

Bytes outside_nodes(std::string_view numa_maps, const MemoryWish& wish) {
  Bytes sum;
  for (const auto line : lines_of(numa_maps)) sum = sum + outside_in(line, wish);
  return sum;
}

std::vector<Mismatch> prove(Pid qemu, const std::vector<ThreadSetting>& wanted,
                            const MemoryWish& memory, const fs::path& root) {
  auto found = mismatches(wanted, list_all(qemu, root).together());
  prove_lock(memory_of(qemu, root), memory, found);
  prove_nodes(qemu, memory, root, found);
  return found;
}

}  // namespace kvmrt::launcher
