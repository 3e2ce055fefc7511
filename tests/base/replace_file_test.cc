// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt {
namespace {

class Replace : public testing::Test {
 protected:
  Replace() {
    std::string pattern = std::filesystem::temp_directory_path() / "kvmrt-replace-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    file = folder / "state.json";
  }
  ~Replace() override { std::filesystem::remove_all(folder); }
  Replace(const Replace&) = delete;
  Replace& operator=(const Replace&) = delete;

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      found.push_back(entry.path().filename());
    return found;
  }

  std::filesystem::path folder;
  std::filesystem::path file;
};

TEST_F(Replace, ByManyProcessesAtOnceNeverFailsAndLeavesOneWholeText) {
  constexpr int kWriters = 4;
  std::vector<pid_t> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const std::string text(5000, static_cast<char>('a' + writer));
      try {
        for (int i = 0; i < 200; ++i) replace_file(file, text, 0600, Sync::no);
      } catch (const SystemError& error) {
        std::cerr << error.what() << std::endl;
        ::_exit(1);
      }
      ::_exit(0);
    }
    writers.push_back(pid);
  }
  for (const pid_t pid : writers) {
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  const std::string text = read_file(file);
  EXPECT_EQ(text, std::string(5000, text.front()));
  EXPECT_EQ(names(), std::vector<std::string>{"state.json"});
}

TEST_F(Replace, RemovesWhatAKilledWriterLeftAndNothingElse) {
  std::ofstream(folder / "state.json.new-4711-0") << "half a te";
  std::ofstream(folder / "other.json.new-4711-0") << "another file's";
  replace_file(file, "whole");
  EXPECT_EQ(read_file(file), "whole");
  auto left = names();
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{"other.json.new-4711-0", "state.json"}));
}

TEST_F(Replace, ThatCannotBeWrittenKeepsTheOldTextAndLeavesNoTemporary) {
  replace_file(file, "old");
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none{100, 100};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &none);
    try {
      replace_file(file, std::string(5000, 'x'));
    } catch (const SystemError& error) {
      ::_exit(error.error_number() == EFBIG ? 7 : 1);
    }
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"state.json"});
}

}  // namespace
}  // namespace kvmrt
