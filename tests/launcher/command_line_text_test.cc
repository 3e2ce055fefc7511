// SPDX-License-Identifier: MIT
#include <array>
#include <cstdio>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "launcher/command_line.h"
#include "launcher/command_line_options.h"
#include "launcher/devices_network.h"

namespace kvmrt::launcher {
namespace {

std::string shell_prints(const std::string& line) {
  FILE* const pipe = ::popen(line.c_str(), "r");
  std::string text;
  std::array<char, 256> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), got);
  ::pclose(pipe);
  return text;
}

TEST(ShellText, LeavesPlainWordsAlone) {
  EXPECT_EQ(to_shell({"qemu-system-x86_64", "-smp", "2,sockets=1", "-S"}),
            "qemu-system-x86_64 -smp 2,sockets=1 -S");
}

TEST(ShellText, ComesBackFromAShellAsItWas) {
  const std::vector<std::string> words = {"",    "a b",  "it's",   "\"$HOME\"", "*",
                                          "~",   "a\nb", "`id`",   "\\",        "#no",
                                          "a;b", "!x",   "ümlaut", "-x"};
  std::string expected;
  std::vector<std::string> argv = {"printf", "<%s>"};
  for (const std::string& word : words) {
    argv.push_back(word);
    expected += "<" + word + ">";
  }
  EXPECT_EQ(shell_prints(to_shell(argv)), expected);
}

TEST(OptionText, DoublesCommasInsideAValue) {
  EXPECT_EQ(Options("file").set("path", "/a,b").on("append").text(), "file,path=/a,,b,append=on");
  EXPECT_EQ(Options("x,y").text(), "x,,y");
  EXPECT_EQ(Options().set("base", "utc").text(), "base=utc");
}

TEST(OptionText, WritesSizesExactly) {
  EXPECT_EQ(size_text(gib(2)), "2G");
  EXPECT_EQ(size_text(mib(1536)), "1536M");
  EXPECT_EQ(size_text(kib(12)), "12K");
  EXPECT_EQ(size_text(Bytes(4097)), "4097B");
}

TEST(DerivedMac, IsStableAndDiffersByNameAndIndex) {
  EXPECT_EQ(derived_mac("line3", 0), derived_mac("line3", 0));
  std::set<std::string> seen;
  for (const char* const name : {"line1", "line2", "line3", "line10"}) {
    for (int index = 0; index < 8; ++index) {
      const std::string mac = derived_mac(name, index);
      EXPECT_TRUE(valid_mac(mac)) << mac;
      EXPECT_TRUE(mac.starts_with("52:54:00:")) << mac;
      EXPECT_TRUE(seen.insert(mac).second) << mac;
    }
  }
}

TEST(DerivedMac, IsTheSameInEveryRelease) {
  // A guest names its interfaces by it; other addresses here mean that every guest changes.
  EXPECT_EQ(derived_mac("line3", 0), "52:54:00:37:68:6b");
  EXPECT_EQ(derived_mac("line3", 1), "52:54:00:37:6b:d8");
}

TEST(Forwards, AreReadInAllForms) {
  EXPECT_EQ(parse_forward("2222:22"), (Forward{"tcp", "", 2222, 22}));
  EXPECT_EQ(parse_forward("udp:5353:53"), (Forward{"udp", "", 5353, 53}));
  EXPECT_EQ(parse_forward("127.0.0.1:8080:80"), (Forward{"tcp", "127.0.0.1", 8080, 80}));
  EXPECT_EQ(parse_forward("tcp:127.0.0.1:8080:80"), (Forward{"tcp", "127.0.0.1", 8080, 80}));
}

TEST(Forwards, RefuseWhatQemuWouldRefuseOrMisread) {
  for (const char* const text : {"", "22", "0:22", "65536:22", "2222:", ":22", "2222:22:", "a:22",
                                 "1.2.3:22:22", "sctp:22:22", "2222:22-:23", "2222:22,x=y"})
    EXPECT_FALSE(parse_forward(text)) << text;
}

TEST(MacAddresses, AreUnicastAndComplete) {
  EXPECT_TRUE(valid_mac("52:54:00:12:34:56"));
  EXPECT_TRUE(valid_mac("AA:bb:CC:dd:EE:ff"));
  for (const char* const text : {"", "auto", "52:54:00:12:34", "52-54-00-12-34-56",
                                 "53:54:00:12:34:56", "5g:54:00:12:34:56"})
    EXPECT_FALSE(valid_mac(text)) << text;
}

}  // namespace
}  // namespace kvmrt::launcher
