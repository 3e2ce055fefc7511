// SPDX-License-Identifier: MIT
#include "partition/plan.h"

namespace kvmrt::partition {

std::string to_string(ThreadClass thread_class) {
  switch (thread_class) {
    case ThreadClass::emulator:
      return "emulator";
    case ThreadClass::vcpu:
      return "vcpu";
    case ThreadClass::iothread:
      return "iothread";
    case ThreadClass::helper:
      return "helper";
  }
  return "?";
}

std::string to_string(Policy policy) {
  switch (policy) {
    case Policy::other:
      return "other";
    case Policy::fifo:
      return "fifo";
    case Policy::rr:
      return "rr";
  }
  return "?";
}

}  // namespace kvmrt::partition
