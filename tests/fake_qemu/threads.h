// SPDX-License-Identifier: MIT
// Threads that do nothing, under QEMU's names. Each can be made to act, so that what it makes
// inherits its affinity and policy, as the kernel's rules are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "machine.h"

namespace kvmrt::fake {

class Thread {
 public:
  /// Made by the calling thread, all signals blocked. Lives until the process ends.
  explicit Thread(std::string name);
  Thread(Thread&&) = delete;
  [[nodiscard]] int tid() const;
  /// Runs it on that thread and waits for its end.
  void run(std::function<void()> act);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

class Threads {
 public:
  explicit Threads(const Machine& machine);

  void add_vcpu();
  void add_iothread(const std::string& id);
  void add_helper(const std::string& name);
  /// Made in the context of the first vCPU, as kvm-nx-lpage-recovery is at the first KVM_RUN.
  void add_by_vcpu(const std::string& name);
  void let_vcpu_drift();

  [[nodiscard]] std::vector<int> vcpus() const;
  [[nodiscard]] std::vector<std::pair<std::string, int>> iothreads() const;

 private:
  [[nodiscard]] std::string name(const std::string& wanted) const;

  bool named_;
  bool kvm_;
  std::vector<std::unique_ptr<Thread>> vcpus_;
  std::vector<std::pair<std::string, std::unique_ptr<Thread>>> iothreads_;
  std::vector<std::unique_ptr<Thread>> helpers_;
};

}  // namespace kvmrt::fake
