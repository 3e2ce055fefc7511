// SPDX-License-Identifier: MIT
#include "launcher/tap.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <linux/if_tun.h>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTun = "/dev/net/tun";

/// The flags that it was made with; nothing for an interface that is no tap.
std::optional<unsigned> tun_flags(const std::string& interface) {
  const auto text = read_file_if_any("/sys/class/net/" + interface + "/tun_flags");
  if (!text || !text->starts_with("0x")) return std::nullopt;
  unsigned value = 0;
  std::from_chars(text->data() + 2, text->data() + text->size(), value, 16);
  return value;
}

/// Asks for the offloads' header in front of each packet, which QEMU then finds.
void attach(const Fd& fd, const std::string& interface, unsigned many_queues) {
  ifreq wish{};
  interface.copy(wish.ifr_name, IFNAMSIZ - 1);
  wish.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | many_queues);
  if (::ioctl(fd.get(), TUNSETIFF, &wish) == 0) return;
  const int error = errno;
  std::string hint;
  if (error == EBUSY) hint = "another process has it open";
  if (error == EPERM) hint = "it belongs to another user: ip -d link show " + interface;
  throw SystemError("attach to", interface, error, std::move(hint));
}

struct Device {
  std::string name;  ///< "tap12", as its node in /dev is called
  dev_t number = 0;
};

/// The character device behind the interface.
Device device_of(const std::string& interface) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/sys/class/net/" + interface, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("tap")) continue;
    const auto text = read_file_if_any(entry.path() / "dev").value_or("");
    const auto colon = text.find(':');
    if (colon == std::string::npos) continue;
    return {name, ::makedev(static_cast<unsigned>(std::atoi(text.c_str())),
                            static_cast<unsigned>(std::atoi(text.c_str() + colon + 1)))};
  }
  throw SystemError("find the device of macvtap", interface, ENODEV);
}

Fd open_node(const std::string& path, const Device& device) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts {};
  if (fd && ::fstat(fd.get(), &facts) == 0 && S_ISCHR(facts.st_mode) &&
      facts.st_rdev == device.number)
    return fd;
  return Fd();
}

/// The kernel's or udev's node, else one of our own that goes at once. /dev, since /run is mounted
/// without device nodes.
Fd open_device(const std::string& interface) {
  const Device device = device_of(interface);
  if (Fd fd = open_node("/dev/" + device.name, device)) return fd;
  const std::string ours = "/dev/.kvmrt-" + device.name;
  ::unlink(ours.c_str());
  if (::mknod(ours.c_str(), S_IFCHR | 0600, device.number) != 0)
    throw_errno("make a device node for macvtap", interface);
  Fd fd(::open(ours.c_str(), O_RDWR | O_CLOEXEC));
  const int error = errno;
  ::unlink(ours.c_str());
  if (!fd) throw SystemError("open the device of macvtap", interface, error);
  return fd;
}

}  // namespace

Fd open_tap(const std::string& interface) {
  // Without this the ioctl would make an interface that belongs to nobody.
  if (::if_nametoindex(interface.c_str()) == 0)
    throw SystemError("attach to", interface, ENODEV, "ip tuntap add mode tap " + interface);
  const auto flags = tun_flags(interface);
  Fd fd = flags ? Fd(::open(kTun, O_RDWR | O_CLOEXEC)) : open_device(interface);
  if (!fd) throw_errno("open", kTun);
  attach(fd, interface, flags.value_or(IFF_MULTI_QUEUE) & IFF_MULTI_QUEUE);
  return fd;
}

}  // namespace kvmrt::launcher
