// SPDX-License-Identifier: MIT
#include "partition/cpuset.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/file.h"

namespace kvmrt::partition {
namespace {

constexpr int kWordBits = 64;

std::size_t word_of(int id) { return static_cast<std::size_t>(id) / kWordBits; }
std::uint64_t bit_of(int id) { return std::uint64_t{1} << (static_cast<unsigned>(id) % kWordBits); }

std::optional<int> parse_id(std::string_view text) {
  int id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (id < 0 || id > BitSet::kMaxId || text.front() == '-') return std::nullopt;
  return id;
}

bool insert_range(BitSet& set, std::string_view item) {
  const auto dash = item.find('-');
  const auto first = parse_id(trimmed(item.substr(0, dash)));
  const auto last =
      dash == std::string_view::npos ? first : parse_id(trimmed(item.substr(dash + 1)));
  if (!first || !last || *last < *first) return false;
  for (int id = *first; id <= *last; ++id) set.insert(id);
  return true;
}

}  // namespace

std::size_t BitSet::count() const {
  std::size_t total = 0;
  for (const auto word : words_) total += static_cast<std::size_t>(std::popcount(word));
  return total;
}

bool BitSet::has(int id) const {
  return id >= 0 && word_of(id) < words_.size() && (words_[word_of(id)] & bit_of(id)) != 0;
}

std::optional<int> BitSet::lowest() const {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (words_[i] != 0) return static_cast<int>(i) * kWordBits + std::countr_zero(words_[i]);
  }
  return std::nullopt;
}

std::optional<int> BitSet::highest() const {
  if (words_.empty()) return std::nullopt;
  return static_cast<int>(words_.size()) * kWordBits - 1 - std::countl_zero(words_.back());
}

void BitSet::insert(int id) {
  if (id < 0 || id > kMaxId) return;
  if (word_of(id) >= words_.size()) words_.resize(word_of(id) + 1, 0);
  words_[word_of(id)] |= bit_of(id);
}

void BitSet::erase(int id) {
  if (!has(id)) return;
  words_[word_of(id)] &= ~bit_of(id);
  trim();
}

std::vector<int> BitSet::members() const {
  std::vector<int> all;
  all.reserve(count());
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1)
      all.push_back(static_cast<int>(i) * kWordBits + std::countr_zero(rest));
  }
  return all;
}

void BitSet::unite(const BitSet& other) {
  if (words_.size() < other.words_.size()) words_.resize(other.words_.size(), 0);
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

void BitSet::intersect(const BitSet& other) {
  if (words_.size() > other.words_.size()) words_.resize(other.words_.size());
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  trim();
}

void BitSet::subtract(const BitSet& other) {
  const std::size_t common = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < common; ++i) words_[i] &= ~other.words_[i];
  trim();
}

bool BitSet::subset_of(const BitSet& other) const {
  if (words_.size() > other.words_.size()) return false;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if ((words_[i] & ~other.words_[i]) != 0) return false;
  }
  return true;
}

bool BitSet::intersects(const BitSet& other) const {
  const std::size_t common = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < common; ++i) {
    if ((words_[i] & other.words_[i]) != 0) return true;
  }
  return false;
}

bool operator==(const BitSet& a, const BitSet& b) { return a.words_ == b.words_; }

void BitSet::trim() {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

std::string BitSet::list() const {
  std::string text;
  const auto all = members();
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end + 1 < all.size() && all[end + 1] == all[end] + 1) ++end;
    if (!text.empty()) text += ',';
    text += std::to_string(all[i]);
    if (end > i) text += '-' + std::to_string(all[end]);
    i = end + 1;
  }
  return text;
}

std::string BitSet::hex_mask() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (empty()) return "0";
  std::string text;
  for (std::size_t nibble = words_.size() * 16; nibble-- > 0;) {
    const auto value = (words_[nibble / 16] >> (nibble % 16 * 4)) & 0xfU;
    if (text.empty() && value == 0) continue;
    text += kDigits[value];
    if (nibble % 8 == 0 && nibble > 0) text += ',';
  }
  return text;
}

std::optional<BitSet> BitSet::from_list(std::string_view text) {
  BitSet set;
  text = trimmed(text);
  if (text.empty()) return set;
  while (true) {
    const auto comma = text.find(',');
    const auto item = trimmed(text.substr(0, comma));
    if (item.empty() || !insert_range(set, item)) return std::nullopt;
    if (comma == std::string_view::npos) return set;
    text.remove_prefix(comma + 1);
  }
}

std::optional<BitSet> BitSet::from_hex_mask(std::string_view text) {
  BitSet set;
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  int bit = 0;
  for (auto at = text.rbegin(); at != text.rend(); ++at) {
    if (*at == ',') continue;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(&*at, &*at + 1, value, 16);
    if (error != std::errc{}) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
      if ((value >> static_cast<unsigned>(i) & 1U) == 0) continue;
      if (bit + i > kMaxId) return std::nullopt;
      set.insert(bit + i);
    }
    bit += 4;
  }
  return set;
}

}  // namespace kvmrt::partition
