// SPDX-License-Identifier: MIT
#include "qmp/connection.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace kvmrt::qmp {

using nlohmann::json;

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

/// EOF and every error mean the same: QEMU closes with unread bytes (ECONNRESET), dies (EPIPE) or
/// leaves in good order (EOF).
QmpError ended_by(const error_code& error, bool mid_line) {
  return {QmpError::Kind::closed,
          fmt::format("QEMU's monitor closed{} ({})", mid_line ? " in the middle of a message" : "",
                      error.message())};
}

bool left(const error_code& error) {
  return error == asio::error::broken_pipe || error == asio::error::connection_reset;
}

/// QEMU may live on, and waits for the rest of a command: there is no other end to be awaited.
QmpError not_sent(const error_code& error) {
  return {QmpError::Kind::protocol,
          fmt::format("a command could not be sent to QEMU's monitor ({})", error.message())};
}

}  // namespace

Connection::Connection(asio::io_context& io, Fd connected)
    : io_(io), socket_(io, stream_protocol(), connected.release()) {}

void Connection::start() {
  if (started_ || end_) return;
  started_ = true;
  read_on();
}

void Connection::read_on() {
  socket_.async_read_some(asio::buffer(part_),
                          [self = shared_from_this()](const error_code& error, std::size_t count) {
                            if (self->end_) return;
                            if (error) {
                              const bool mid_line = self->splitter_.mid_line();
                              return self->finish(ended_by(error, mid_line), true);
                            }
                            self->take(std::string_view(self->part_.data(), count));
                            if (!self->end_) self->read_on();
                          });
}

void Connection::take(std::string_view bytes) {
  splitter_.feed(bytes);
  while (!end_) {
    std::optional<Message> message;
    try {
      const auto line = splitter_.next();
      if (!line) return;
      message = parse_message(*line);
    } catch (const QmpError& error) {
      return finish(error, true);
    }
    dispatch(std::move(*message));
  }
}

void Connection::dispatch(Message message) {
  if (auto* event = std::get_if<Event>(&message)) {
    const auto handler = on_event;  // the handler may set another, or none
    if (handler && *handler) (*handler)(*event);
  } else if (auto* reply = std::get_if<Reply>(&message)) {
    dispatch(std::move(*reply));
  } else if (!greeting) {
    greeting = std::get<Greeting>(std::move(message));
    if (on_greeting) on_greeting();
  }
}

void Connection::dispatch(Reply reply) {
  const Client::ReplyHandler handler = handler_of(reply);
  if (handler)
    handler(&reply);
  else
    ++dropped_replies;
}

Client::ReplyHandler Connection::handler_of(const Reply& reply) {
  auto found = pending_.end();
  if (reply.id.is_number_unsigned()) found = pending_.find(reply.id.get<CommandId>());
  // QEMU leaves the id out where it could not read the command; that is an answer too if it can
  // only be for one.
  if (reply.id.is_null() && unanswered_ == 1 && pending_.size() == 1) found = pending_.begin();
  if (unanswered_ > 0) --unanswered_;
  if (found == pending_.end()) return {};
  Client::ReplyHandler handler = std::move(found->second);
  pending_.erase(found);
  return handler;
}

Connection::CommandId Connection::send(std::string_view command, std::string_view arguments,
                                       Client::ReplyHandler handler) {
  if (end_) throw QmpError(end_->kind(), fmt::format("{}: {}", command, end_->what()));
  const CommandId id = ++last_id_;
  pending_.emplace(id, std::move(handler));
  ++unanswered_;
  // No line end: a byte that QEMU has not read when it quits turns our EOF into ECONNRESET.
  const std::string name = json(command).dump(-1, ' ', false, json::error_handler_t::replace);
  queued_ += fmt::format(R"({{"execute":{},{}{}{}"id":{}}})", name,
                         arguments.empty() ? "" : "\"arguments\":", arguments,
                         arguments.empty() ? "" : ",", id);
  if (writing_.empty()) write_on();
  return id;
}

void Connection::write_on() {
  writing_.swap(queued_);
  // Asio passes MSG_NOSIGNAL, so a dead QEMU is EPIPE here and not a signal.
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->writing_.clear();
                      // What QEMU sent before it went is still to be read: the reader ends us.
                      if (self->end_ || left(error)) return;
                      if (error) return self->finish(not_sent(error), true);
                      if (!self->queued_.empty()) self->write_on();
                    });
}

void Connection::close() {
  finish(QmpError(QmpError::Kind::closed, "the monitor connection was closed"), false);
}

void Connection::abandon() {
  on_event.reset();
  on_closed = {};
  close();
}

void Connection::finish(QmpError why, bool announce) {
  if (end_) return;
  end_ = std::move(why);
  error_code ignored;
  socket_.close(ignored);
  // Posted: the caller may stand in the middle of a send, or of a handler that we would call again.
  asio::post(io_, [self = shared_from_this(), announce] {
    auto waiting = std::exchange(self->pending_, {});
    for (auto& [id, handler] : waiting) handler(nullptr);
    if (self->on_greeting) self->on_greeting();
    const auto closed = std::exchange(self->on_closed, {});
    if (announce && closed) closed(*self->end_);
  });
}

}  // namespace kvmrt::qmp
