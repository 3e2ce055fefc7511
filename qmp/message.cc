// SPDX-License-Identifier: MIT
#include "qmp/message.h"

#include <algorithm>
#include <fmt/format.h>

#include "qmp/error.h"

namespace kvmrt::qmp {

using nlohmann::json;

namespace {

constexpr std::size_t kKeptCapacity = std::size_t{1} << 20U;
constexpr int kDeepest = 128;
constexpr int kMostValues = 1'000'000;

[[noreturn]] void refuse(std::string_view what, std::string_view line) {
  throw QmpError(QmpError::Kind::protocol, fmt::format("{}: '{}'", what, excerpt(line)));
}

/// Depth and number of values, without building any: a hostile line of 16 MiB would else grow to
/// a gigabyte of nodes, and printing what is nested that deep would overflow the stack.
bool structure_fits(std::string_view text) {
  int depth = 0;
  int values = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == '[' || c == '{' || c == ',') ++values;
    if (depth > kDeepest || values > kMostValues) return false;
  }
  return true;
}

const json& member(const json& object, const char* key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t number_of(const json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

Greeting greeting_of(const json& greeting) {
  const json& version = member(greeting, "version");
  const json& qemu = member(version, "qemu");
  Greeting result;
  result.version = {static_cast<int>(number_of(member(qemu, "major"))),
                    static_cast<int>(number_of(member(qemu, "minor"))),
                    static_cast<int>(number_of(member(qemu, "micro"))),
                    text_of(member(version, "package"))};
  const json& capabilities = member(greeting, "capabilities");
  if (capabilities.is_array())
    for (const json& capability : capabilities)
      if (capability.is_string()) result.capabilities.push_back(text_of(capability));
  return result;
}

Event event_of(json& message) {
  Event event;
  event.name = text_of(message["event"]);
  const json& time = member(message, "timestamp");
  const auto seconds = std::clamp<std::int64_t>(number_of(member(time, "seconds")), 0, 1LL << 40U);
  const auto micros = std::clamp<std::int64_t>(number_of(member(time, "microseconds")), 0, 999'999);
  event.time = std::chrono::seconds(seconds) + std::chrono::microseconds(micros);
  event.data = member(message, "data").is_object() ? std::move(message["data"]) : json::object();
  return event;
}

Reply reply_of(json& message) {
  Reply reply;
  reply.id = member(message, "id");
  if (const auto error = message.find("error"); error != message.end())
    reply.error = ErrorReply{text_of(member(*error, "class")), text_of(member(*error, "desc"))};
  else
    reply.value = std::move(message["return"]);
  return reply;
}

}  // namespace

std::string Event::text(const char* key) const { return text_of(member(data, key)); }

bool Event::flag(const char* key) const {
  const json& value = member(data, key);
  return value.is_boolean() && value.get<bool>();
}

void LineSplitter::feed(std::string_view bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    // One long reply must not stay in memory for the life of the guest.
    if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) buffer_.shrink_to_fit();
  }
  buffer_.append(bytes);
}

std::optional<std::string_view> LineSplitter::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const bool whole = end != std::string::npos;
    scanned_ = whole ? end + 1 : buffer_.size();
    std::string_view line(buffer_.data() + begin_, (whole ? end : scanned_) - begin_);
    if (line.size() > limit_) refuse(fmt::format("a line of more than {} bytes", limit_), line);
    if (!whole) return std::nullopt;
    begin_ = scanned_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return line;
  }
}

std::optional<json> parse_bounded(std::string_view text) {
  if (!structure_fits(text)) return std::nullopt;
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

Message parse_message(std::string_view line) {
  if (!structure_fits(line)) refuse("too deep or too large a message", line);
  json message = json::parse(line, nullptr, false);
  if (message.is_discarded()) refuse("not JSON", line);
  if (!message.is_object()) refuse("not a JSON object", line);
  if (member(message, "QMP").is_object()) return greeting_of(message["QMP"]);
  if (member(message, "event").is_string()) return event_of(message);
  if (message.contains("return") || message.contains("error")) return reply_of(message);
  refuse("neither greeting, reply nor event", line);
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kShown = 120;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return text.size() > kShown ? shown + "..." : shown;
}

}  // namespace kvmrt::qmp
