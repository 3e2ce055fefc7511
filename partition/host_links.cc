// SPDX-License-Identifier: MIT
#include "partition/host_links.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

using Address = std::array<unsigned char, 6>;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

/// One request to the kernel's routing socket, being written.
class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags, unsigned index) {
    header_ = mnl_nlmsg_put_header(buffer_.data());
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header_->nlmsg_seq = 1;
    about_ = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(ifinfomsg)));
    about_->ifi_family = AF_UNSPEC;
    about_->ifi_index = static_cast<int>(index);
  }

  Request& up() {
    about_->ifi_change |= IFF_UP;
    about_->ifi_flags |= IFF_UP;
    return *this;
  }
  Request& number(std::uint16_t type, std::uint32_t value) {
    mnl_attr_put_u32(header_, type, value);
    return *this;
  }
  Request& text(std::uint16_t type, const std::string& value) {
    mnl_attr_put_strz(header_, type, value.c_str());
    return *this;
  }
  Request& address(const Address& value) {
    mnl_attr_put(header_, IFLA_ADDRESS, value.size(), value.data());
    return *this;
  }
  /// Frames between macvtaps of one interface go straight from one to the other.
  Request& macvtap() {
    nlattr* info = mnl_attr_nest_start(header_, IFLA_LINKINFO);
    mnl_attr_put_strz(header_, IFLA_INFO_KIND, "macvtap");
    nlattr* data = mnl_attr_nest_start(header_, IFLA_INFO_DATA);
    mnl_attr_put_u32(header_, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
    mnl_attr_nest_end(header_, data);
    mnl_attr_nest_end(header_, info);
    return *this;
  }

  /// The kernel's answer: 0 or an errno.
  int send() {
    const std::unique_ptr<mnl_socket, CloseSocket> socket(
        mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return errno;
    const unsigned port = mnl_socket_get_portid(socket.get());
    if (mnl_socket_sendto(socket.get(), header_, header_->nlmsg_len) < 0) return errno;
    std::array<char, 8192> answer{};
    const auto got = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
    if (got < 0) return errno;
    const auto size = static_cast<std::size_t>(got);
    return mnl_cb_run(answer.data(), size, 1, port, nullptr, nullptr) < 0 ? errno : 0;
  }

 private:
  alignas(nlmsghdr) std::array<char, 1024> buffer_{};
  nlmsghdr* header_ = nullptr;
  ifinfomsg* about_ = nullptr;
};

std::optional<Address> address_of(const std::string& text) {
  std::array<unsigned, 6> bytes{};
  if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
                  &bytes[4], &bytes[5]) != 6)
    return std::nullopt;
  Address address{};
  for (std::size_t i = 0; i < bytes.size(); ++i) address[i] = static_cast<unsigned char>(bytes[i]);
  return address;
}

/// It outlives the descriptor; nobody but us may open it.
int make_tap(const LinkRequest& link) {
  const Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd) return errno == ENOENT || errno == ENODEV ? EOPNOTSUPP : errno;
  ifreq wish{};
  link.name.copy(wish.ifr_name, IFNAMSIZ - 1);
  wish.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL |
                                      (link.many_queues ? IFF_MULTI_QUEUE : 0));
  if (::ioctl(fd.get(), TUNSETIFF, &wish) != 0) return errno;
  if (::ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(::geteuid())) != 0) return errno;
  return ::ioctl(fd.get(), TUNSETPERSIST, 1) != 0 ? errno : 0;
}

int make_macvtap(const LinkRequest& link, const Address& address) {
  const unsigned lower = ::if_nametoindex(link.over.c_str());
  if (lower == 0) return ENODEV;
  return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0)
      .text(IFLA_IFNAME, link.name)
      .number(IFLA_LINK, lower)
      .address(address)
      .macvtap()
      .send();
}

/// A bridge takes the smallest MTU of its ports.
int join_bridge(unsigned index, const std::string& bridge) {
  const unsigned master = ::if_nametoindex(bridge.c_str());
  if (master == 0) return ENODEV;
  const std::string mtu = read_file_if_any("/sys/class/net/" + bridge + "/mtu").value_or("1500");
  if (const int error = Request(RTM_NEWLINK, 0, index)
                            .number(IFLA_MTU, static_cast<std::uint32_t>(std::atoi(mtu.c_str())))
                            .send())
    return error;
  return Request(RTM_NEWLINK, 0, index).number(IFLA_MASTER, master).send();
}

int set_up(const LinkRequest& link, const Address& address) {
  const unsigned index = ::if_nametoindex(link.name.c_str());
  if (index == 0) return ENODEV;
  if (link.kind == LinkRequest::Kind::tap) {
    if (const int error = join_bridge(index, link.over)) return error;
  }
  if (const int error = Request(RTM_NEWLINK, 0, index).address(address).send()) return error;
  return Request(RTM_NEWLINK, 0, index).up().send();
}

}  // namespace

int make_system_link(const LinkRequest& link) {
  const auto address = address_of(link.mac);
  if (!address || link.name.empty() || link.name.size() >= IFNAMSIZ) return EINVAL;
  const bool there = ::if_nametoindex(link.name.c_str()) != 0;
  if (!there) {
    const bool tap = link.kind == LinkRequest::Kind::tap;
    if (const int error = tap ? make_tap(link) : make_macvtap(link, *address)) return error;
  }
  const int error = set_up(link, *address);
  if (error != 0 && !there) remove_system_link(link.name);
  return error;
}

int remove_system_link(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return ENODEV;
  return Request(RTM_DELLINK, 0, index).send();
}

}  // namespace kvmrt::partition
