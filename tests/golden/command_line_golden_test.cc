// SPDX-License-Identifier: MIT
// KVMRT_UPDATE_GOLDEN=1 writes the files anew; look at the difference before you commit it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "base/file.h"
#include "tests/golden/command_line_cases.h"
#include "tests/paths.h"

namespace kvmrt::golden {
namespace {

using launcher::Handover;
using launcher::PathUse;

const char* name_of(Handover::Kind kind) {
  switch (kind) {
    case Handover::Kind::qmp_listener:
      return "qmp listener";
    case Handover::Kind::listener:
      return "listener";
    case Handover::Kind::console:
      return "console";
    case Handover::Kind::tpm:
      return "tpm";
    case Handover::Kind::file:
      return "file";
    case Handover::Kind::tap:
      return "tap";
    case Handover::Kind::vhost_net:
      return "vhost-net";
  }
  return "?";
}

const char* name_of(PathUse::Kind kind) {
  switch (kind) {
    case PathUse::Kind::read_file:
      return "reads";
    case PathUse::Kind::connect_socket:
      return "connects to";
    case PathUse::Kind::shared_memory:
      return "shares";
  }
  return "?";
}

/// One argument per line, then what QEMU inherits and what it opens itself.
std::string text_of(const launcher::QemuInvocation& invocation) {
  std::ostringstream text;
  for (const std::string& argument : invocation.argv) text << argument << '\n';
  for (const Handover& handover : invocation.handovers) {
    text << "# fd " << handover.fd << ": " << name_of(handover.kind) << ' ' << handover.path;
    if (handover.kind == Handover::Kind::file)
      text << " flags 0" << std::oct << handover.open_flags << std::dec;
    if (handover.queue > 0) text << " queue " << handover.queue;
    text << " [" << handover.key << "]\n";
  }
  for (const PathUse& use : invocation.paths)
    text << "# " << name_of(use.kind) << ' ' << use.path << " [" << use.key << "]\n";
  return text.str();
}

class GoldenCommandLine : public testing::TestWithParam<Case> {};

TEST_P(GoldenCommandLine, IsAsWrittenDown) {
  const std::filesystem::path file = std::filesystem::path(KVMRT_SOURCE_DIR) /
                                     "tests/golden/command_line" / (GetParam().name + ".argv");
  const std::string found =
      text_of(command_line(GetParam().profile, GetParam().plan, GetParam().around));
  if (std::getenv("KVMRT_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << found;
  EXPECT_EQ(found, read_file_if_any(file).value_or("")) << "in " << file;
}

INSTANTIATE_TEST_SUITE_P(Feature, GoldenCommandLine, testing::ValuesIn(all_cases("/vm")),
                         [](const auto& test) { return identifier(test.param.name); });

TEST(GoldenFiles, BelongToACaseEach) {
  std::set<std::string> names;
  for (const Case& one : all_cases("/vm")) EXPECT_TRUE(names.insert(one.name + ".argv").second);
  const std::filesystem::path folder =
      std::filesystem::path(KVMRT_SOURCE_DIR) / "tests/golden/command_line";
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    EXPECT_TRUE(names.contains(entry.path().filename())) << entry.path();
}

TEST(Handovers, AreNumberedWithoutGaps) {
  for (const Case& one : all_cases("/vm")) {
    int expected = one.around.first_fd;
    for (const Handover& handover : command_line(one.profile, one.plan, one.around).handovers)
      EXPECT_EQ(handover.fd, expected++) << one.name;
  }
}

}  // namespace
}  // namespace kvmrt::golden
