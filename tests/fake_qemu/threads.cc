// SPDX-License-Identifier: MIT
#include "threads.h"

#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <mutex>
#include <sched.h>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

namespace kvmrt::fake {

struct Thread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  int tid = 0;
  std::function<void()> act;
};

Thread::Thread(std::string name) : shared_(std::make_shared<Shared>()) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_, name = std::move(name)] {
    ::prctl(PR_SET_NAME, name.c_str());
    std::unique_lock lock(shared->mutex);
    shared->tid = ::gettid();
    shared->changed.notify_all();
    while (true) {
      shared->changed.wait(lock, [&] { return shared->act != nullptr; });
      shared->act();
      shared->act = nullptr;
      shared->changed.notify_all();
    }
  }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return shared_->tid != 0; });
}

int Thread::tid() const { return shared_->tid; }

void Thread::run(std::function<void()> act) {
  std::unique_lock lock(shared_->mutex);
  shared_->act = std::move(act);
  shared_->changed.notify_all();
  shared_->changed.wait(lock, [&] { return shared_->act == nullptr; });
}

Threads::Threads(const Machine& machine) : named_(machine.thread_names), kvm_(machine.kvm) {
  add_helper("call_rcu");
  add_helper("IO mon_iothread");
  for (const std::string& id : machine.iothreads) add_iothread(id);
}

std::string Threads::name(const std::string& wanted) const {
  return named_ ? wanted.substr(0, 15) : "qemu-system-x86";
}

void Threads::add_vcpu() {
  const auto text = fmt::format("CPU {}/{}", vcpus_.size(), kvm_ ? "KVM" : "TCG");
  vcpus_.push_back(std::make_unique<Thread>(name(text)));
}

void Threads::add_iothread(const std::string& id) {
  iothreads_.emplace_back(id, std::make_unique<Thread>(name("IO " + id)));
}

void Threads::add_helper(const std::string& text) {
  helpers_.push_back(std::make_unique<Thread>(name(text)));
}

void Threads::add_by_vcpu(const std::string& text) {
  vcpus_.front()->run([&] { helpers_.push_back(std::make_unique<Thread>(text.substr(0, 15))); });
}

void Threads::let_vcpu_drift() {
  vcpus_.front()->run([] {
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof all);
    ::sched_setaffinity(0, sizeof all, &all);
    const sched_param other{};
    ::sched_setscheduler(0, SCHED_OTHER, &other);
  });
}

std::vector<int> Threads::vcpus() const {
  std::vector<int> tids;
  for (const auto& thread : vcpus_) tids.push_back(thread->tid());
  return tids;
}

std::vector<std::pair<std::string, int>> Threads::iothreads() const {
  std::vector<std::pair<std::string, int>> result;
  for (const auto& [id, thread] : iothreads_) result.emplace_back(id, thread->tid());
  return result;
}

}  // namespace kvmrt::fake
