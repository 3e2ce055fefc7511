// SPDX-License-Identifier: MIT
#include "qmp/proxy_session.h"

#include <algorithm>
#include <fmt/format.h>
#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

#include "qmp/client.h"

namespace kvmrt::qmp {

namespace asio = boost::asio;
using boost::system::error_code;
using nlohmann::json;

namespace {

const json kNoId = json(json::value_t::discarded);

std::string line_of(const json& message) { return message.dump() + "\r\n"; }

/// QEMU's own words for a request that is none; "" for one that will do.
std::string fault_of(const json& request) {
  if (!request.is_object()) return "QMP input must be a JSON object";
  for (const auto& [key, value] : request.items())
    if (key != "execute" && key != "arguments" && key != "id")
      return fmt::format("QMP input member '{}' is unexpected", key);
  if (!request.contains("execute")) return "QMP input lacks member 'execute'";
  if (!request["execute"].is_string()) return "QMP input member 'execute' must be a string";
  if (request.contains("arguments") && !request["arguments"].is_object())
    return "QMP input member 'arguments' must be an object";
  return {};
}

/// After an EOF: the other side has closed altogether, not only its sending half.
bool gone(int fd) {
  pollfd state{fd, 0, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

bool passes_descriptors(std::string_view command) {
  return command == "getfd" || command == "add-fd";
}

}  // namespace

ProxySession::ProxySession(Socket socket, std::shared_ptr<ProxyShared> shared, Ended ended)
    : socket_(std::move(socket)),
      shared_(std::move(shared)),
      ended_(std::move(ended)),
      splitter_(shared_->limits.request),
      id_(kNoId) {}

void ProxySession::start() {
  send(shared_->greeting);
  read_on();
}

void ProxySession::hang_up() {
  if (over_) return;
  over_ = true;
  error_code ignored;
  socket_.close(ignored);
  const auto ended = std::exchange(ended_, {});
  if (ended) ended(shared_from_this());
}

void ProxySession::read_on() {
  if (over_ || reading_) return;
  reading_ = true;
  socket_.async_read_some(
      asio::buffer(part_), [self = shared_from_this()](const error_code& error, std::size_t count) {
        self->reading_ = false;
        self->draining_ = error == asio::error::eof && !gone(self->socket_.native_handle());
        if (self->draining_) return self->end_when_all_is_said();
        if (error) return self->hang_up();
        self->splitter_.feed(std::string_view(self->part_.data(), count));
        self->serve();
      });
}

void ProxySession::send(std::string_view lines) {
  if (over_) return;
  if (queued_.size() + writing_.size() + lines.size() > shared_->limits.backlog) return hang_up();
  queued_ += lines;
  if (writing_.empty()) write_on();
}

void ProxySession::write_on() {
  writing_.swap(queued_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->writing_.clear();
                      if (error) return self->hang_up();
                      if (!self->queued_.empty()) return self->write_on();
                      self->end_when_all_is_said();
                    });
}

/// `echo … | socat - UNIX:…` ends its side at once and still wants the replies.
void ProxySession::end_when_all_is_said() {
  if (draining_ && in_flight_ == 0 && writing_.empty() && queued_.empty()) hang_up();
}

/// With enough in flight the rest stays where it is, and finally in the user's own socket.
void ProxySession::serve() {
  while (!over_ && in_flight_ < shared_->limits.in_flight) {
    std::optional<std::string_view> text;
    try {
      text = splitter_.next();
    } catch (const QmpError&) {
      return hang_up();
    }
    if (!text) return draining_ ? end_when_all_is_said() : read_on();
    serve(*text);
  }
}

void ProxySession::serve(std::string_view text) {
  id_ = kNoId;
  const auto request = parse_bounded(text);
  if (!request) return refuse("GenericError", "JSON parse error");
  if (request->is_object() && request->contains("id")) id_ = (*request)["id"];
  if (const std::string fault = fault_of(*request); !fault.empty())
    return refuse("GenericError", fault);
  const auto command = (*request)["execute"].get<std::string>();
  const json arguments = request->value("arguments", json::object());
  if (!negotiated_ || command == "qmp_capabilities") return negotiate(command, arguments);
  if (passes_descriptors(command))
    return refuse("GenericError", command + ": descriptors cannot be passed through kvmrt's proxy");
  const Verdict verdict =
      shared_->hooks.judge ? shared_->hooks.judge(command, arguments) : Verdict();
  if (verdict.kind == Verdict::Kind::refuse) return refuse("GenericError", verdict.text);
  forward(command, arguments, verdict.kind);
}

void ProxySession::negotiate(const std::string& command, const json& arguments) {
  if (command != "qmp_capabilities")
    return refuse("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
  if (negotiated_)
    return refuse("CommandNotFound",
                  "Capabilities negotiation is already complete, command ignored");
  const json wanted = arguments.value("enable", json::array());
  if (!wanted.empty())
    return refuse("GenericError",
                  fmt::format("Capability {} is not currently available", wanted.front().dump()));
  negotiated_ = true;
  Reply done;
  done.value = json::object();
  deliver(id_, std::move(done));
}

void ProxySession::forward(const std::string& command, const json& arguments,
                           Verdict::Kind verdict) {
  if (shared_->upstream == nullptr) return hang_up();
  if (shared_->in_flight >= shared_->limits.clients * shared_->limits.in_flight)
    return refuse("GenericError", command + ": QEMU has too much unanswered already");
  const bool noted = verdict == Verdict::Kind::note && shared_->hooks.done;
  auto answered = [weak = weak_from_this(), shared = shared_, id = id_, command,
                   arguments = noted ? arguments : json(), noted](Reply* reply) {
    // The supervisor hears of it even when the user did not wait for the answer.
    if (noted && reply != nullptr && shared->upstream != nullptr)
      shared->hooks.done(command, arguments, !reply->error);
    --shared->in_flight;
    const auto self = weak.lock();
    if (!self) return;
    --self->in_flight_;
    if (reply == nullptr) return self->hang_up();
    self->deliver(id, std::move(*reply));
    self->serve();
  };
  try {
    shared_->upstream->submit(command, arguments, std::move(answered));
    ++in_flight_;
    ++shared_->in_flight;
  } catch (const QmpError&) {
    hang_up();
  }
}

void ProxySession::deliver(const json& id, Reply reply) {
  json message = json::object();
  if (!id.is_discarded()) message["id"] = id;
  if (reply.error) {
    message["error"]["class"] = reply.error->error_class;
    message["error"]["desc"] = reply.error->description;
  } else {
    message["return"] = std::move(reply.value);
  }
  send(line_of(message));
}

void ProxySession::refuse(std::string_view error_class, std::string_view text) {
  Reply reply;
  reply.error = ErrorReply{std::string(error_class), std::string(text)};
  deliver(id_, std::move(reply));
}

}  // namespace kvmrt::qmp
