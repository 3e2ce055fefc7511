// SPDX-License-Identifier: MIT
#include "qmp/request_splitter.h"

#include <fmt/format.h>

#include "qmp/error.h"
#include "qmp/message.h"

namespace kvmrt::qmp {

void RequestSplitter::feed(std::string_view bytes) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string_view> RequestSplitter::next() {
  if (scanned_ == begin_) {
    const auto blank = buffer_.find_first_not_of(" \t\r\n", begin_);
    begin_ = scanned_ = blank == std::string::npos ? buffer_.size() : blank;
  }
  const auto end = end_of_request();
  const std::string_view request(buffer_.data() + begin_, end.value_or(scanned_) - begin_);
  if (request.size() > limit_)
    throw QmpError(QmpError::Kind::protocol,
                   fmt::format("a request of more than {} bytes: '{}'", limit_, excerpt(request)));
  if (!end) return std::nullopt;
  begin_ = scanned_ = *end;
  depth_ = 0;
  in_string_ = escaped_ = broken_ = false;
  return request;
}

std::optional<std::size_t> RequestSplitter::end_of_request() {
  for (; scanned_ < buffer_.size(); ++scanned_) {
    const char c = buffer_[scanned_];
    // A string cannot hold a line end, so one that lacks its quote harms only its own line.
    if (c == '\n' && (broken_ || in_string_)) return scanned_ + 1;
    if (broken_) continue;
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    if (depth_ == 0 && (c == '}' || c == ']')) return scanned_ + 1;
    broken_ = depth_ <= 0;
  }
  return std::nullopt;
}

}  // namespace kvmrt::qmp
