// SPDX-License-Identifier: MIT
#include "profiles/text_edit.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <vector>

#include "base/file.h"
#include "profiles/show.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

bool ends_document(std::string_view line) {
  const auto marker = line.substr(0, 3);
  return (marker == "---" || marker == "...") &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\r' || line[3] == '\t');
}

std::optional<Place> place_in_text(const Profile& profile, const std::string& key) {
  const auto found = profile.places.find(key);
  return found != profile.places.end() ? std::optional(found->second) : std::nullopt;
}

struct Span {
  std::size_t at = 0;
  std::size_t length = 0;
};

/// A scalar in quotes: up to the quote that ends it, in its line.
std::optional<std::size_t> quoted_length(std::string_view line) {
  const char quote = line.front();
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (quote == '"' && line[at] == '\\') {
      ++at;
    } else if (line[at] == quote) {
      if (quote == '\'' && at + 1 < line.size() && line[at + 1] == quote)
        ++at;
      else
        return at + 1;
    }
  }
  return std::nullopt;
}

/// A plain one: up to a comment, the end of the line, or what ends a value within brackets.
std::size_t plain_length(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && std::string_view(",]}\r").find(line[end]) == std::string_view::npos &&
         !(line[end] == '#' && end > 0 && line[end - 1] == ' ') && line.substr(end, 2) != ": ")
    ++end;
  return trimmed(line.substr(0, end)).size();
}

std::optional<Span> scalar_at(std::string_view text, const Place& place) {
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  for (int line = 1; line < place.line; ++line) {
    at = text.find('\n', at);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  at += static_cast<std::size_t>(place.column) - 1;
  if (at >= text.size()) return std::nullopt;
  const std::string_view line = text.substr(at, text.find('\n', at) - at);
  if (line.empty() || std::string_view("|>[{").find(line.front()) != std::string_view::npos)
    return std::nullopt;
  if (line.front() != '"' && line.front() != '\'') return Span{at, plain_length(line)};
  const auto length = quoted_length(line);
  return length ? std::optional(Span{at, *length}) : std::nullopt;
}

Problem cannot_edit(const Profile& profile, const std::string& key) {
  return {Severity::error,
          "cannot-edit",
          profile.name,
          key,
          "only a value that stands in one line can be changed by itself",
          "write the value behind its key",
          profile.place_of(key)};
}

}  // namespace

std::string document_text(std::string_view text, int line) {
  const auto lines = lines_of(text);
  std::size_t first = std::min(static_cast<std::size_t>(std::max(line, 1)) - 1, lines.size());
  std::size_t last = first;
  while (first > 0 && !ends_document(lines[first - 1])) --first;
  while (last < lines.size() && !ends_document(lines[last])) ++last;
  std::string slice;
  for (std::size_t i = first; i < last; ++i) slice.append(lines[i]).append("\n");
  return slice;
}

bool is_written(const Profile& profile, const std::string& key) {
  return place_in_text(profile, key).has_value();
}

Checked<std::string> with_values(std::string_view text, const Profile& profile,
                                 const std::map<std::string, std::string>& values) {
  std::vector<std::pair<Span, std::string>> edits;
  for (const auto& [key, value] : values) {
    const auto place = place_in_text(profile, key);
    const auto span = place ? scalar_at(text, *place) : std::nullopt;
    if (!span) return cannot_edit(profile, key);
    edits.emplace_back(*span, yaml_scalar(Node::string(value)));
  }
  std::sort(edits.begin(), edits.end(),
            [](const auto& a, const auto& b) { return a.first.at > b.first.at; });
  std::string edited(text);
  for (const auto& [span, value] : edits) edited.replace(span.at, span.length, value);
  return edited;
}

}  // namespace kvmrt::profiles
