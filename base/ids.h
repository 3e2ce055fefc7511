// SPDX-License-Identifier: MIT
// Numbers that must not be mixed up: each kind of id is a type of its own, by the number that the
// kernel or QEMU gives it.
#pragma once

#include <compare>
#include <string>

namespace kvmrt {

template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(int value) : value_(value) {}
  [[nodiscard]] constexpr int value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  int value_ = -1;
};

template <class Tag>
std::string to_string(Id<Tag> id) {
  return std::to_string(id.value());
}

using CpuId = Id<struct CpuTag>;    ///< one logical CPU, by OS number
using NodeId = Id<struct NodeTag>;  ///< a NUMA node of the host, by OS number
using Tid = Id<struct TidTag>;      ///< a thread, by kernel task id
using Pid = Id<struct PidTag>;      ///< a process (thread group)

}  // namespace kvmrt
