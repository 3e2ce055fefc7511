// SPDX-License-Identifier: MIT
#include "partition/keeper_files.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

bool try_lock(const Fd& fd) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_OFD_SETLK, &whole) == 0;
}

std::string boot_id(Host& host) {
  const auto text = host.read("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trimmed(*text)) : "unknown";
}

}  // namespace

Fd lock_run_dir(const std::filesystem::path& run_dir, int patience_ms) {
  if (::mkdir(run_dir.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("make", run_dir);
  const std::filesystem::path path = run_dir / "lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw_errno("open", path);
  constexpr int kStepMs = 20;
  for (int waited = 0; !try_lock(fd); waited += kStepMs) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) throw_errno("lock", path);
    if (waited >= patience_ms)
      throw SystemError(
          "lock", path, ETIMEDOUT,
          "another kvmrt command is changing the host; see: fuser -v " + path.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
  }
  return fd;
}

std::filesystem::path ledger_path(const std::filesystem::path& run_dir) {
  return run_dir / "ledger.json";
}

Ledger load_ledger(Host& host, const std::filesystem::path& run_dir) {
  const auto path = ledger_path(run_dir);
  const auto text = read_file_if_any(path);
  Ledger fresh;
  fresh.boot_id = boot_id(host);
  if (!text) return fresh;
  try {
    Ledger ledger = ledger_of_json(*text);
    return ledger.boot_id == fresh.boot_id ? std::move(ledger) : fresh;
  } catch (const std::runtime_error& error) {
    throw SystemError("understand", path.string() + " (" + error.what() + ")", EBADMSG,
                      "it held the host's original settings: repair it, or move it aside with "
                      "'kvmrt recover --forget' and reboot to get them back");
  }
}

Ledger peek_ledger(Host& host, const std::filesystem::path& run_dir) {
  try {
    return load_ledger(host, run_dir);
  } catch (const SystemError& error) {
    if (error.error_number() != EACCES && error.error_number() != EPERM) throw;
    return {};
  }
}

void save_ledger(Host& host, const std::filesystem::path& run_dir, const Ledger& ledger) {
  const auto path = ledger_path(run_dir);
  if (ledger.idle()) {
    host.remove(path);
  } else {
    host.replace(path, to_json(ledger));
  }
}

}  // namespace kvmrt::partition
