// SPDX-License-Identifier: MIT
// How the fake misbehaves: the environment variable KVMRT_FAKE_QEMU, steps separated by ';'.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvmrt::fake {

struct Step {
  std::string name;
  std::string value;
};

class Script {
 public:
  Script() = default;
  /// Throws std::runtime_error for a step that does not exist.
  explicit Script(std::string_view text);

  [[nodiscard]] bool has(std::string_view name) const;
  /// The value of the first step of this name.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  /// There is a step NAME=COMMAND, or NAME alone and the command is `otherwise`.
  [[nodiscard]] bool meets(std::string_view name, std::string_view command,
                           std::string_view otherwise) const;
  /// Those that happen one after the other while the guest runs.
  [[nodiscard]] const std::vector<Step>& story() const { return story_; }

 private:
  std::vector<Step> traits_;
  std::vector<Step> story_;
};

/// The text of --help.
std::string help_text();

}  // namespace kvmrt::fake
