// SPDX-License-Identifier: MIT
// The real machine behind the Host interface.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "partition/drivers.h"
#include "partition/host.h"
#include "partition/host_links.h"
#include "partition/host_tasks.h"

namespace kvmrt::partition {
namespace {

namespace fs = std::filesystem;

constexpr int kSecond = 1000;

int outcome(long result) { return result == 0 ? 0 : errno; }

/// "setup" and "settings" of irqbalance want the sender's credentials beside the text.
int send_with_credentials(int socket, const std::string& text) {
  ucred credentials{::getpid(), ::getuid(), ::getgid()};
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof(ucred));
  std::memcpy(CMSG_DATA(header), &credentials, sizeof credentials);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

int connect_to(const std::string& name, Fd& fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name.starts_with('@')) address.sun_path[0] = '\0';
  fd = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                             (name.starts_with('@') ? 0 : 1));
  return outcome(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length));
}

/// An empty text removes it.
int write_link(const std::string& knob, const std::string& text) {
  if (text.empty()) return remove_system_link(knob.substr(knob.find(':') + 1));
  const auto link = link_of(knob, text);
  return link ? make_system_link(*link) : EINVAL;
}

/// modprobe knows where modules lie, what they need and which options the administrator gave them.
int run_modprobe(const std::string& name) {
  std::string program = "/sbin/modprobe";
  std::string quiet = "-q";
  std::string module = name;
  std::array<char*, 4> arguments{program.data(), quiet.data(), module.data(), nullptr};
  pid_t child = 0;
  if (const int error =
          ::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ))
    return error;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ENOENT;
}

class SystemHost : public Host {
 public:
  explicit SystemHost(fs::path root) : root_(std::move(root)), live_(root_ == "/") {}

  std::optional<std::string> read(const std::string& path) override {
    try {
      return read_file_if_any(at(path));
    } catch (const SystemError&) {
      return std::nullopt;
    }
  }

  std::vector<std::string> list(const std::string& folder) override {
    std::vector<std::string> names;
    DIR* open = ::opendir(at(folder).c_str());
    if (open == nullptr) return names;
    while (const dirent* entry = ::readdir(open)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(open);
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<Task> tasks() override { return read_tasks(at("/proc"), live_); }
  std::optional<Task> task(Tid tid) override { return read_task(at("/proc"), tid); }

  bool alive(const ProcessId& process) override {
    const auto stat = read("/proc/" + to_string(process.pid) + "/stat");
    int threads = 0;
    const auto found = stat ? task_of_stat(*stat, threads) : std::nullopt;
    if (!found || found->start_time != process.start_time) return false;
    const auto state = trimmed(std::string_view(*stat).substr(stat->rfind(')') + 1));
    return !state.starts_with('Z') && !state.starts_with('X');
  }

  int write(const std::string& path, const std::string& text) override {
    if (is_link_knob(path)) return live_ ? write_link(path, text) : ENOSYS;
    if (is_module_knob(path)) return live_ ? run_modprobe(path.substr(path.find(':') + 1)) : ENOSYS;
    // A newline makes an empty value a real write(2): cpuset.cpus takes "" only so.
    return write_knob(at(path), text + "\n");
  }

  int make_folder(const std::string& path) override {
    return outcome(::mkdir(at(path).c_str(), 0755));
  }
  int remove_folder(const std::string& path) override { return outcome(::rmdir(at(path).c_str())); }

  int set_affinity(Tid task, const CpuSet& cpus) override {
    std::vector<unsigned long> words((BitSet::kMaxId + 1) / (8 * sizeof(unsigned long)), 0);
    constexpr std::size_t kBits = 8 * sizeof(unsigned long);
    for (const CpuId cpu : cpus.members()) {
      const auto id = static_cast<std::size_t>(cpu.value());
      words[id / kBits] |= 1UL << (id % kBits);
    }
    return outcome(::sched_setaffinity(task.value(), words.size() * sizeof(unsigned long),
                                       reinterpret_cast<const cpu_set_t*>(words.data())));
  }

  int set_scheduling(Tid task, const Scheduling& scheduling) override {
    sched_param param{};
    param.sched_priority = scheduling.policy == Policy::other ? 0 : scheduling.priority;
    const int policy = scheduling.policy == Policy::fifo ? SCHED_FIFO
                       : scheduling.policy == Policy::rr ? SCHED_RR
                                                         : SCHED_OTHER;
    return outcome(::sched_setscheduler(task.value(), policy, &param));
  }

  int end_process(const ProcessId& process) override {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid.value(), 0)));
    if (!pidfd) return errno == ESRCH ? 0 : errno;
    // The pidfd holds whoever has the number now; the start time says whether it is the one meant.
    if (!alive(process)) return 0;
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0)
      return errno == ESRCH ? 0 : errno;
    pollfd gone{pidfd.get(), POLLIN, 0};
    return ::poll(&gone, 1, 10 * kSecond) == 1 ? 0 : ETIMEDOUT;
  }

  int ask(const std::string& socket, const std::string& request, std::string& answer) override {
    Fd fd;
    const std::string name = socket.starts_with('@') ? socket : at(socket);
    if (const int error = connect_to(name, fd)) return error;
    if (const int error = send_with_credentials(fd.get(), request)) return error;
    std::array<char, 8192> part{};
    pollfd readable{fd.get(), POLLIN, 0};
    while (::poll(&readable, 1, kSecond) == 1) {
      const auto got = ::read(fd.get(), part.data(), part.size());
      if (got <= 0) break;
      answer.append(part.data(), static_cast<std::size_t>(got));
    }
    return 0;
  }

  void replace(const fs::path& path, const std::string& text) override { replace_file(path, text); }
  void remove(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("remove", path);
  }

 private:
  [[nodiscard]] std::string at(const std::string& path) const {
    return live_ ? path : root_.string() + path;
  }

  fs::path root_;
  bool live_;
};

}  // namespace

std::shared_ptr<Host> this_host(const fs::path& root) { return std::make_shared<SystemHost>(root); }

}  // namespace kvmrt::partition
