// SPDX-License-Identifier: MIT
#include "launcher/agent.h"

#include <array>
#include <fmt/core.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "qmp/listen.h"

namespace kvmrt::launcher {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using nlohmann::json;

// Ends whatever half a request an earlier client has left, and stands before the answer too.
constexpr char kDelimiter = '\xff';
// An agent's answer has some forty bytes; a guest can write more than it should.
constexpr std::size_t kMostHeard = std::size_t{64} << 10U;

std::string sync_request(std::uint32_t id) {
  return fmt::format("{}{{\"execute\": \"guest-sync-delimited\", \"arguments\": {{\"id\": {}}}}}\n",
                     kDelimiter, id);
}

// No answer comes but to a refusal: the agent may be gone first.
constexpr std::string_view kShutdown =
    "{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": \"powerdown\"}}\n";

bool is_answer(const json& message, std::uint32_t id) {
  const auto found = message.find("return");
  return found != message.end() && found->is_number_unsigned() && *found == id;
}

std::string refusal(const json& message) {
  const auto found = message.find("error");
  if (found == message.end() || !found->is_object()) return {};
  return found->value("desc", json("refused")).dump();
}

}  // namespace

AgentWords read_agent(std::string_view received, std::uint32_t id) {
  AgentWords words;
  for (std::string_view line : lines_of(received.substr(0, received.rfind('\n') + 1))) {
    const std::size_t start = line.rfind(kDelimiter);
    if (start != std::string_view::npos) line.remove_prefix(start + 1);
    const json message = json::parse(line, nullptr, false);
    if (!message.is_object()) continue;
    if (words.synced)
      words.error = refusal(message);
    else
      words.synced = is_answer(message, id);
  }
  return words;
}

struct AgentCall::State : std::enable_shared_from_this<AgentCall::State> {
  State(asio::io_context& io, std::function<void(const Event&)> on_heard)
      : socket(io), limit(io), heard(std::move(on_heard)) {}

  void begin(const std::filesystem::path& path, milliseconds patience) {
    limit.expires_after(patience);
    limit.async_wait([self = shared_from_this(), patience](error_code stopped) {
      if (!stopped && !self->told) self->fail(fmt::format("no answer in {} ms", patience.count()));
    });
    try {
      socket.assign(asio::local::stream_protocol(), qmp::connect_to(path).release());
    } catch (const SystemError& error) {
      asio::post(socket.get_executor(),
                 [self = shared_from_this(), why = std::string(error.what())] { self->fail(why); });
      return;
    }
    send(sync_request(id));
    listen();
  }

  void send(std::string text) {
    sent = std::move(text);
    asio::async_write(socket, asio::buffer(sent),
                      [self = shared_from_this()](error_code, std::size_t) {});
  }

  void listen() {
    socket.async_read_some(
        asio::buffer(part), [self = shared_from_this()](error_code failed, std::size_t got) {
          if (failed) return self->told ? self->close() : self->fail("the channel was closed");
          self->received.append(self->part.data(), got);
          self->understand();
        });
  }

  void understand() {
    const AgentWords words = read_agent(received, id);
    if (!words.error.empty()) return fail(words.error);
    if (received.size() > kMostHeard) return fail("it says too much");
    if (words.synced && !told) {
      told = true;
      limit.cancel();
      send(std::string(kShutdown));
      tell(AgentTold{});
    }
    if (socket.is_open()) listen();
  }

  void fail(const std::string& why) {
    close();
    if (const auto last = std::exchange(heard, nullptr)) last(AgentFailed{why});
  }

  void tell(const Event& event) {
    if (const auto now = heard) now(event);  // a copy: this object may be left meanwhile
  }

  void close() {
    limit.cancel();
    error_code ignored;
    socket.close(ignored);
  }

  asio::local::stream_protocol::socket socket;
  asio::steady_timer limit;
  std::function<void(const Event&)> heard;
  std::uint32_t id =
      static_cast<std::uint32_t>(std::chrono::steady_clock::now().time_since_epoch().count()) &
      0x7fffffffU;
  bool told = false;
  std::string sent;
  std::string received;
  std::array<char, 512> part{};
};

AgentCall::AgentCall(asio::io_context& io, const std::filesystem::path& socket,
                     milliseconds patience, std::function<void(const Event&)> heard)
    : state_(std::make_shared<State>(io, std::move(heard))) {
  state_->begin(socket, patience);
}

AgentCall::~AgentCall() {
  state_->heard = nullptr;
  state_->close();
}

}  // namespace kvmrt::launcher
