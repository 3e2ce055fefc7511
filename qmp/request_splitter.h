// SPDX-License-Identifier: MIT
// What a QMP client sends, cut into JSON objects: they may follow each other with or without line
// ends, as QEMU accepts them. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvmrt::qmp {

class RequestSplitter {
 public:
  explicit RequestSplitter(std::size_t limit) : limit_(limit) {}

  void feed(std::string_view bytes);

  /// The next whole object or array, valid until the next call; or a run of text that cannot be
  /// the beginning of one, up to the end of its line. Nothing when more must come. Throws
  /// QmpError::protocol when a request is longer than the limit.
  std::optional<std::string_view> next();

 private:
  [[nodiscard]] std::optional<std::size_t> end_of_request();

  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the request that is being read
  std::size_t scanned_ = 0;  // where reading it goes on
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool broken_ = false;  // cannot be JSON: runs to the end of its line
};

}  // namespace kvmrt::qmp
