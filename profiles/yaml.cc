// SPDX-License-Identifier: MIT
#include "profiles/yaml.h"

#include <exception>
#include <fmt/format.h>
#include <sstream>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace kvmrt::profiles {
namespace {

struct TooMuch : std::exception {};

/// Builds nodes from the parser's events. yaml-cpp itself accepts duplicate keys and follows
/// anchors; here each is a problem, and so is nesting that its own recursion would not survive.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& file) : file_(file) {}

  Documents take() { return std::move(result_); }
  Problems& problems() { return result_.problems; }
  void drop_documents() { result_.roots.clear(); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {
    open_.clear();
    root_ = Node();
  }
  void OnDocumentEnd() override {
    if (!root_.is_null()) result_.roots.push_back(std::move(root_));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    leaf(made(mark, Node()));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(mark, "anchor-or-alias", "an alias (*name); write the value out, profiles have none");
    leaf(made(mark, Node()));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    leaf(made(mark, tag == "!" ? Node::string(value) : Node::plain(value)));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    check(mark, tag, anchor);
    open(mark, Node::list());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check(mark, tag, anchor);
    open(mark, Node::map());
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Node node;
    bool expects_key = false;
    bool drops_value = false;  ///< its key was refused
    std::string key;
    Place key_place;
  };

  [[nodiscard]] Place place(const YAML::Mark& mark) const {
    return {file_, mark.line + 1, mark.column + 1};
  }
  Node made(const YAML::Mark& mark, Node node) const {
    node.place = place(mark);
    return node;
  }
  void refuse(const YAML::Mark& mark, std::string code, std::string message) {
    problems().push_back(
        {Severity::error, std::move(code), "", "", std::move(message), "", place(mark)});
  }

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (++nodes_ > kMostNodes) {
      refuse(mark, "too-large", fmt::format("more than {} values in one file", kMostNodes));
      throw TooMuch();
    }
    if (anchor != 0)
      refuse(mark, "anchor-or-alias", "an anchor (&name); profiles have no anchors and aliases");
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, "tag", fmt::format("a tag ({}); profiles have none", tag));
  }

  void open(const YAML::Mark& mark, Node node) {
    if (open_.size() >= static_cast<std::size_t>(kDeepest)) {
      refuse(mark, "too-deep", fmt::format("nested more than {} levels deep", kDeepest));
      throw TooMuch();
    }
    const bool is_map = node.is_map();
    open_.push_back({made(mark, std::move(node)), is_map, false, {}, {}});
  }

  void close() {
    Node done = std::move(open_.back().node);
    open_.pop_back();
    leaf(std::move(done));
  }

  void leaf(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = open_.back();
    if (level.node.is_list()) {
      level.node.items.push_back(std::move(node));
    } else if (level.expects_key) {
      take_key(level, std::move(node));
    } else {
      put_value(level, std::move(node));
    }
  }

  void take_key(Level& level, Node key) {
    if (!key.is_scalar())
      problems().push_back({Severity::error, "yaml-syntax", "", "",
                            fmt::format("a key must be a word, found {}", described(key)), "",
                            key.place});
    level.drops_value = !key.is_scalar();
    level.key = std::move(key.text);
    level.key_place = std::move(key.place);
    level.expects_key = false;
  }

  void put_value(Level& level, Node value) {
    level.expects_key = true;
    if (level.drops_value) return;
    if (value.is_null()) value.place = level.key_place;  // the mark of nothing is the next token's
    for (const Entry& entry : level.node.entries) {
      if (entry.key != level.key) continue;
      problems().push_back(
          {Severity::error, "duplicate-key", "", level.key,
           fmt::format("'{}' stands here a second time, first in line {}; each key once", level.key,
                       entry.place.line),
           "", level.key_place});
      return;
    }
    level.node.entries.push_back(
        {std::move(level.key), std::move(level.key_place), std::move(value)});
  }

  const std::string& file_;
  Documents result_;
  Node root_;
  std::vector<Level> open_;
  std::size_t nodes_ = 0;
};

Problem syntax_error(const std::string& file, const YAML::Exception& error) {
  return {Severity::error,
          "yaml-syntax",
          "",
          "",
          error.msg,
          "",
          {file, error.mark.line + 1, error.mark.column + 1}};
}

}  // namespace

Documents parse_yaml(std::string_view text, const std::string& file) {
  std::string clean(text);
  if (Problems found = scan_text(clean, file); !found.empty()) return {{}, std::move(found)};
  Builder builder(file);
  try {
    std::istringstream stream(std::move(clean));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const TooMuch&) {
    builder.drop_documents();
  } catch (const YAML::Exception& error) {
    builder.problems().push_back(syntax_error(file, error));
    builder.drop_documents();
  } catch (const std::exception& error) {
    builder.problems().push_back(
        {Severity::error, "yaml-syntax", "", "", error.what(), "", {file, 0, 0}});
    builder.drop_documents();
  }
  return builder.take();
}

}  // namespace kvmrt::profiles
