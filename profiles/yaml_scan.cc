// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/text_scan.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

constexpr std::size_t kMostBrackets = 10'000;

class Scan {
 public:
  Scan(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Problems run() {
    for (std::size_t at = 0; at < text_.size() && problems_.empty();) at += step(at);
    return std::move(problems_);
  }

 private:
  std::size_t step(std::size_t at) {
    const char c = text_[at];
    const std::size_t length = utf8_length(text_, at);
    if (length == 0) {
      refuse("bad-encoding", fmt::format("byte 0x{:02x} is not UTF-8; profiles are UTF-8 text",
                                         static_cast<unsigned char>(c)));
      return 1;
    }
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
      refuse("bad-encoding", fmt::format("control character 0x{:02x}; allowed is printable text",
                                         static_cast<unsigned char>(c)));
    if (c == '\t' && in_indentation_ && !rest_is_blank(at))
      refuse("yaml-syntax", "a tab in the indentation; YAML allows only blanks there");
    if ((c == '[' || c == '{') && ++brackets_ > kMostBrackets)
      refuse("too-deep", fmt::format("more than {} opening brackets", kMostBrackets));
    advance(c, length);
    return length;
  }

  void advance(char c, std::size_t length) {
    if (c == '\n') {
      ++line_;
      column_ = 1;
      in_indentation_ = true;
      return;
    }
    if (c != ' ' && c != '\t') in_indentation_ = false;
    column_ += static_cast<int>(length);
  }

  [[nodiscard]] bool rest_is_blank(std::size_t at) const {
    const std::size_t end = text_.find_first_not_of(" \t", at);
    return end == std::string_view::npos || text_[end] == '\n' || text_[end] == '#';
  }

  void refuse(std::string code, std::string message) {
    problems_.push_back({Severity::error,
                         std::move(code),
                         "",
                         "",
                         std::move(message),
                         "",
                         {file_, line_, column_}});
  }

  std::string_view text_;
  const std::string& file_;
  int line_ = 1;
  int column_ = 1;
  bool in_indentation_ = true;
  std::size_t brackets_ = 0;
  Problems problems_;
};

void drop_carriage_returns(std::string& text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    clean += text[i];
  }
  text = std::move(clean);
}

bool is_utf16(std::string_view text) {
  return text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF";
}

}  // namespace

Problems scan_text(std::string& text, const std::string& file) {
  const Place start{file, 1, 1};
  if (text.size() > kLongestFile)
    return {{Severity::error,
             "too-large",
             "",
             "",
             fmt::format("{} bytes; a file may have {}", text.size(), kLongestFile),
             "",
             {file, 0, 0}}};
  if (is_utf16(text))
    return {{Severity::error, "bad-encoding", "", "", "the file is UTF-16; profiles are UTF-8 text",
             "iconv -f UTF-16 -t UTF-8", start}};
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.erase(0, 3);
  drop_carriage_returns(text);
  return Scan(text, file).run();
}

}  // namespace kvmrt::profiles
