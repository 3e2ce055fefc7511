// SPDX-License-Identifier: MIT
// Network interfaces as knobs: "net:NAME" reads "tap on br0 as fe:54:00:12:34:56", and nothing when
// there is no such interface.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "partition/host.h"
#include "partition/knob.h"

namespace kvmrt::partition {

struct LinkRequest {
  enum class Kind { tap, macvtap };
  Kind kind = Kind::tap;
  std::string name;  ///< at most 15 bytes
  std::string over;  ///< tap: the bridge that it joins; macvtap: the interface below
  std::string mac;   ///< its own; a macvtap's is its guest's, a tap's must not be
  bool many_queues = false;
  friend bool operator==(const LinkRequest&, const LinkRequest&) = default;
};

std::string link_knob(const std::string& name);
bool is_link_knob(std::string_view knob);

/// The value of its knob.
std::string to_text(const LinkRequest& link);

/// What to_text() wrote, nothing for other texts.
std::optional<LinkRequest> link_of(std::string_view knob, const std::string& text);

/// As it is now; a link that is down or on no bridge reads so. Nothing when there is none.
std::optional<std::string> read_link(Host& host, const std::string& knob);

/// Makes, puts right or removes (an empty `after`). Throws SystemError naming the interface.
void perform_link(Host& host, const Change& change);

}  // namespace kvmrt::partition
