// SPDX-License-Identifier: MIT
// Sets of CPUs and of NUMA nodes, as values. Text form is the kernel's list format
// ("0,2,4-7", "" is the empty set), of which "0-6:2" style strides are not accepted.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "base/ids.h"

namespace kvmrt::partition {

/// A set of small non-negative numbers (at most kMaxId), kept as bits without trailing zero words,
/// so that equal sets are equal values. Up to 256 members cost no allocation.
class BitSet {
 public:
  static constexpr int kMaxId = 8191;  ///< the kernel's largest NR_CPUS is 8192

  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool has(int id) const;
  [[nodiscard]] std::optional<int> lowest() const;
  [[nodiscard]] std::optional<int> highest() const;
  void insert(int id);
  void erase(int id);
  [[nodiscard]] std::vector<int> members() const;  ///< ascending
  void unite(const BitSet& other);
  void intersect(const BitSet& other);
  void subtract(const BitSet& other);
  [[nodiscard]] bool subset_of(const BitSet& other) const;
  [[nodiscard]] bool intersects(const BitSet& other) const;
  friend bool operator==(const BitSet& a, const BitSet& b);

  [[nodiscard]] std::string list() const;      ///< "0,2,4-7"
  [[nodiscard]] std::string hex_mask() const;  ///< "ff", "3,00000000" as /proc/irq/*/smp_affinity
  static std::optional<BitSet> from_list(std::string_view text);
  static std::optional<BitSet> from_hex_mask(std::string_view text);

 private:
  void trim();
  boost::container::small_vector<std::uint64_t, 4> words_;
};

/// A BitSet whose members are ids of one kind.
template <class Member>
class IdSet {
 public:
  IdSet() = default;
  IdSet(std::initializer_list<int> members) {
    for (const int id : members) bits_.insert(id);
  }
  static IdSet range(int first, int last) {
    IdSet set;
    for (int id = first; id <= last; ++id) set.bits_.insert(id);
    return set;
  }
  static IdSet of(Member member) {
    IdSet set;
    set.insert(member);
    return set;
  }
  /// Nothing when the text is no list, or names an id above BitSet::kMaxId. White space around
  /// the list (the kernel's newline) is allowed.
  static std::optional<IdSet> from_list(std::string_view text) {
    auto bits = BitSet::from_list(text);
    if (!bits) return std::nullopt;
    IdSet set;
    set.bits_ = std::move(*bits);
    return set;
  }
  static std::optional<IdSet> from_hex_mask(std::string_view text) {
    auto bits = BitSet::from_hex_mask(text);
    if (!bits) return std::nullopt;
    IdSet set;
    set.bits_ = std::move(*bits);
    return set;
  }

  [[nodiscard]] bool empty() const { return bits_.empty(); }
  [[nodiscard]] std::size_t count() const { return bits_.count(); }
  [[nodiscard]] bool has(Member member) const { return bits_.has(member.value()); }
  [[nodiscard]] std::optional<Member> lowest() const { return member(bits_.lowest()); }
  [[nodiscard]] std::optional<Member> highest() const { return member(bits_.highest()); }
  void insert(Member member) { bits_.insert(member.value()); }
  void erase(Member member) { bits_.erase(member.value()); }
  [[nodiscard]] std::vector<Member> members() const {
    std::vector<Member> all;
    for (const int id : bits_.members()) all.push_back(Member(id));
    return all;
  }
  [[nodiscard]] bool subset_of(const IdSet& other) const { return bits_.subset_of(other.bits_); }
  [[nodiscard]] bool intersects(const IdSet& other) const { return bits_.intersects(other.bits_); }
  [[nodiscard]] std::string list() const { return bits_.list(); }
  [[nodiscard]] std::string hex_mask() const { return bits_.hex_mask(); }

  IdSet& operator|=(const IdSet& other) { return bits_.unite(other.bits_), *this; }
  IdSet& operator&=(const IdSet& other) { return bits_.intersect(other.bits_), *this; }
  IdSet& operator-=(const IdSet& other) { return bits_.subtract(other.bits_), *this; }
  friend IdSet operator|(IdSet a, const IdSet& b) { return a |= b; }
  friend IdSet operator&(IdSet a, const IdSet& b) { return a &= b; }
  friend IdSet operator-(IdSet a, const IdSet& b) { return a -= b; }
  friend bool operator==(const IdSet&, const IdSet&) = default;

 private:
  static std::optional<Member> member(std::optional<int> id) {
    if (!id) return std::nullopt;
    return Member(*id);
  }
  BitSet bits_;
};

using CpuSet = IdSet<CpuId>;
using NodeSet = IdSet<NodeId>;

inline std::string to_string(const CpuSet& set) { return set.list(); }
inline std::string to_string(const NodeSet& set) { return set.list(); }

}  // namespace kvmrt::partition
