// SPDX-License-Identifier: MIT
#include "launcher/threads.h"

#include <atomic>
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using namespace std::chrono_literals;
using partition::CpuSet;
using partition::ThreadClass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ThreadFacts* find(const std::vector<ThreadFacts>& threads, Tid tid) {
  for (const ThreadFacts& facts : threads)
    if (facts.tid == tid) return &facts;
  return nullptr;
}

/// A thread that waits until the test is done with it.
class Worker {
 public:
  explicit Worker(std::function<void()> first) {
    thread_ = std::thread([this, first] {
      first();
      tid_ = static_cast<int>(::syscall(SYS_gettid));
      tid_.notify_all();
      done_.wait(false);
    });
    tid_.wait(0);
  }
  ~Worker() {
    done_ = true;
    done_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  [[nodiscard]] Tid tid() const { return Tid(tid_.load()); }

 private:
  std::atomic<int> tid_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST(ListThreads, TellsNameCpusAndPolicyOfALivingThread) {
  const Worker worker([] {
    ::prctl(PR_SET_NAME, "IO (x) y");
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);
  });
  const auto threads = list_threads(Pid(::getpid()));
  const ThreadFacts* facts = find(threads, worker.tid());
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->comm, "IO (x) y");
  EXPECT_EQ(facts->cpus, CpuSet{0});
  EXPECT_EQ(policy_name(facts->policy), "batch");
  EXPECT_EQ(facts->priority, 0);
  EXPECT_EQ(facts->reset_on_fork, false);
  EXPECT_EQ(facts->last_cpu, CpuId(0));
  EXPECT_GT(facts->start_time, 0U);
  EXPECT_GT(facts->run_time, 0ns);
  EXPECT_GE(facts->slices, 1U);
  EXPECT_FALSE(facts->kernel_thread);
}

TEST(ListThreads, SeesARealTimePolicyBehindItsResetOnForkFlag) {
  const Worker worker([] {
    sched_param one{};
    one.sched_priority = 1;
    ::sched_setscheduler(0, SCHED_FIFO | 0x40000000, &one);
  });
  const auto threads = list_threads(Pid(::getpid()));
  const ThreadFacts* facts = find(threads, worker.tid());
  ASSERT_NE(facts, nullptr);
  if (facts->policy == SCHED_OTHER) GTEST_SKIP() << "no real-time policy allowed here";
  EXPECT_EQ(facts->policy, SCHED_FIFO);
  EXPECT_EQ(facts->priority, 1);
  EXPECT_EQ(facts->reset_on_fork, true);
}

TEST(ListThreads, IsEmptyForAProcessThatIsNotThere) {
  EXPECT_THAT(list_threads(Pid(0x3fffffff)), IsEmpty());
}

/// A thread's files below ROOT/proc.
void write_thread(const test::TemporaryFolder& root, const std::string& folder,
                  const std::string& comm, unsigned flags, const std::string& policy = "0 0") {
  root.write(folder + "/comm", comm + "\n");
  root.write(
      folder + "/stat",
      fmt::format("7 ({}) S 2 0 0 0 -1 {} 0 0 0 0 0 0 0 0 20 0 1 0 555 0 0 0 0 0 0 0 0 0 0 0 "
                  "0 0 0 0 17 3 {} 0 0 0\n",
                  comm, flags, policy));
  root.write(folder + "/status",
             "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,6\nvoluntary_ctxt_switches:\t"
             "12\nnonvoluntary_ctxt_switches:\t34\n");
  root.write(folder + "/schedstat", "1000 2500 9\n");
}

constexpr unsigned kKernelThread = 0x00200000;

TEST(ListThreads, ReadsACapturedHost) {
  const test::TemporaryFolder root;
  write_thread(root, "/proc/70/task/70", "qemu", 0);
  write_thread(root, "/proc/70/task/71", "CPU 0/KVM", 0, "40 1");
  const auto threads = list_threads(Pid(70), root.path());
  ASSERT_THAT(threads, SizeIs(2));
  const ThreadFacts& vcpu = threads[1];
  EXPECT_EQ(vcpu.tid, Tid(71));
  EXPECT_EQ(vcpu.start_time, 555U);
  EXPECT_EQ(vcpu.cpus, (CpuSet{0, 1, 2, 3, 6}));
  EXPECT_EQ(vcpu.last_cpu, CpuId(3));
  EXPECT_EQ(vcpu.priority, 40);
  EXPECT_EQ(policy_name(vcpu.policy), "fifo");
  EXPECT_EQ(vcpu.reset_on_fork, std::nullopt);
  EXPECT_EQ(vcpu.run_time, 1000ns);
  EXPECT_EQ(vcpu.run_delay, 2500ns);
  EXPECT_EQ(vcpu.slices, 9U);
  EXPECT_EQ(vcpu.voluntary_switches, 12U);
  EXPECT_EQ(vcpu.involuntary_switches, 34U);
}

TEST(ListKernelHelpers, FindsThoseThatServeThisProcessAndNoImpostor) {
  const test::TemporaryFolder root;
  root.write("/proc/2/task/2/children", "9 10 11 12 13 14");
  write_thread(root, "/proc/9", "kvm-pit/70", kKernelThread);
  write_thread(root, "/proc/10", "vhost-70", kKernelThread);
  write_thread(root, "/proc/11", "kvm-nx-lpage-recovery-70", kKernelThread | 0x04000000);
  write_thread(root, "/proc/12", "kvm-pit/700", kKernelThread);
  write_thread(root, "/proc/13", "kvm-pit/7", kKernelThread);
  write_thread(root, "/proc/14", "kvm-pit/70", 0);  // a user's process of that name
  const auto helpers = list_kernel_helpers(Pid(70), root.path());
  ASSERT_THAT(helpers, SizeIs(3));
  EXPECT_EQ(helpers[0].comm, "kvm-nx-lpage-recovery-70");
  EXPECT_TRUE(helpers[0].fixed_affinity);
  EXPECT_EQ(helpers[1].comm, "vhost-70");
  EXPECT_FALSE(helpers[1].fixed_affinity);
  EXPECT_EQ(helpers[2].comm, "kvm-pit/70");
}

TEST(ListKernelHelpers, LooksNoFurtherThanTheAgeOfTheProcess) {
  const test::TemporaryFolder root;
  root.write("/proc/2/task/2/children", "9 10");
  write_thread(root, "/proc/70", "qemu", 0);
  write_thread(root, "/proc/10", "kvm-pit/70", kKernelThread);
  root.write("/proc/9/stat", "9 (old) S 2 0 0 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 554 0 0\n");
  EXPECT_THAT(list_kernel_helpers(Pid(70), root.path()), SizeIs(1));
}

TEST(ListKernelHelpers, LooksAtAllProcessesWhereTheKernelListsNoChildren) {
  const test::TemporaryFolder root;
  write_thread(root, "/proc/9", "kvm-pit/70", kKernelThread);
  EXPECT_THAT(list_kernel_helpers(Pid(70), root.path()), SizeIs(1));
}

ThreadFacts fact(int tid, std::string comm) {
  ThreadFacts facts;
  facts.tid = Tid(tid);
  facts.comm = std::move(comm);
  return facts;
}

const std::vector<ThreadFacts> kTasks{
    fact(70, "qemu"),      fact(71, "call_rcu"),        fact(72, "IO io0"),  fact(73, "CPU 0/KVM"),
    fact(74, "CPU 1/KVM"), fact(75, "kvm-nx-lpage-re"), fact(76, "vhost-70")};

ReportedThreads honest() { return {{{1, Tid(74)}, {0, Tid(73)}}, {{"io0", Tid(72)}}}; }

std::string message_of(const ReportedThreads& reported) {
  const auto threads = classify(Pid(70), kTasks, {}, reported, 2, {"io0"});
  EXPECT_FALSE(threads.ok());
  return threads.problems().empty() ? "" : threads.problems().front().message;
}

TEST(Classify, GoesByCpuIndexAndIdNotByNameOrOrder) {
  ThreadFacts pit = fact(9, "kvm-pit/70");
  pit.kernel_thread = true;
  const auto threads = classify(Pid(70), kTasks, {pit}, honest(), 2, {"io0"});
  ASSERT_TRUE(threads.ok());
  std::vector<std::string> found;
  for (const Thread& thread : *threads)
    found.push_back(
        fmt::format("{} {} {}", thread.tid.value(), to_string(thread.thread_class), thread.name));
  EXPECT_THAT(found, ElementsAre("70 emulator qemu", "71 emulator call_rcu", "72 iothread io0",
                                 "73 vcpu vcpu0", "74 vcpu vcpu1", "75 helper kvm-nx-lpage-re",
                                 "76 helper vhost-70", "9 helper kvm-pit/70"));
  EXPECT_EQ((*threads)[4].index, 1);
}

TEST(Classify, TakesVcpusThatWerePluggedInWhereThereIsRoom) {
  ReportedThreads plugged = honest();
  plugged.vcpus[0].first = 3;  // by its place in the topology, not by the order of arrival
  const auto threads = classify(Pid(70), kTasks, {}, plugged, {1, 4}, {"io0"});
  ASSERT_TRUE(threads.ok());
  EXPECT_EQ((*threads)[4].name, "vcpu3");
  EXPECT_FALSE(classify(Pid(70), kTasks, {}, plugged, {1, 3}, {"io0"}).ok());
  EXPECT_FALSE(classify(Pid(70), kTasks, {}, plugged, {2, 4}, {"io0"}).ok());
}

TEST(Classify, RefusesAThreadThatIsNotQemus) {
  ReportedThreads lying = honest();
  lying.vcpus[0].second = Tid(1);
  EXPECT_EQ(message_of(lying), "vcpu1 claims thread 1, which is not one of QEMU's (70)");
}

TEST(Classify, RefusesAKernelHelperAsVcpu) {
  ReportedThreads lying = honest();
  lying.vcpus[0].second = Tid(9);
  ThreadFacts pit = fact(9, "kvm-pit/70");
  pit.kernel_thread = true;
  EXPECT_FALSE(classify(Pid(70), kTasks, {pit}, lying, 2).ok());
}

TEST(Classify, RefusesTheMainThreadAsVcpu) {
  ReportedThreads lying = honest();
  lying.vcpus[0].second = Tid(70);
  EXPECT_EQ(message_of(lying), "vcpu1 claims QEMU's main thread 70");
}

TEST(Classify, RefusesOneThreadForTwoVcpus) {
  ReportedThreads single = honest();
  single.vcpus[1].second = Tid(74);
  EXPECT_EQ(message_of(single), "vcpu1 and vcpu0 share thread 74");
}

TEST(Classify, RefusesOneThreadForVcpuAndIothread) {
  ReportedThreads lying = honest();
  lying.iothreads[0].second = Tid(74);
  EXPECT_THAT(message_of(lying), HasSubstr("share thread 74"));
}

TEST(Classify, RefusesAVcpuThatIsMissing) {
  ReportedThreads fewer = honest();
  fewer.vcpus.pop_back();
  EXPECT_EQ(message_of(fewer), "QEMU reports no vCPU 0, the profile has 2");
}

TEST(Classify, RefusesAVcpuTooMany) {
  ReportedThreads more = honest();
  more.vcpus.emplace_back(2, Tid(71));
  EXPECT_EQ(message_of(more), "QEMU reports a vCPU 2, the profile has 0-1");
}

TEST(Classify, RefusesAVcpuReportedTwice) {
  ReportedThreads twice = honest();
  twice.vcpus.emplace_back(1, Tid(71));
  EXPECT_EQ(message_of(twice), "QEMU reports vCPU 1 twice");
}

TEST(Classify, RefusesAnIothreadThatIsMissing) {
  ReportedThreads none = honest();
  none.iothreads.clear();
  EXPECT_EQ(message_of(none), "QEMU reports 0 iothreads named io0, wanted one");
}

}  // namespace
}  // namespace kvmrt::launcher
