// SPDX-License-Identifier: MIT
// The QEMU guest agent, told to shut its guest down: only after it has answered, since nobody may
// be at the channel's other end. The socket serves one client, so it is taken for the stop alone
// and is everybody's until then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "launcher/lifecycle.h"

namespace kvmrt::launcher {

/// What the agent has said so far.
struct AgentWords {
  bool synced = false;  ///< it answered our guest-sync-delimited
  std::string error;    ///< its refusal of what came after; "" for none
};

/// `received`: all its bytes since the connection was made; answers to others' questions and the
/// rest of a torn one may stand before the one with our `id`.
AgentWords read_agent(std::string_view received, std::uint32_t id);

class AgentCall {
 public:
  /// Connects to `socket`, and asks. `heard` gets AgentTold when the agent answered and has been
  /// told to shut down; AgentFailed when it did not answer within `patience`, or when it refuses
  /// afterwards. Never from inside this constructor.
  AgentCall(boost::asio::io_context& io, const std::filesystem::path& socket, milliseconds patience,
            std::function<void(const Event&)> heard);
  /// Hangs up; nothing is heard any more.
  ~AgentCall();
  AgentCall(const AgentCall&) = delete;
  AgentCall& operator=(const AgentCall&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kvmrt::launcher
