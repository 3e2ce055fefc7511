// SPDX-License-Identifier: MIT
#include "launcher/image_chain.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Images as qemu-img makes them.
class Chains : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("qemu-img --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no qemu-img";
  }

  void run(const std::string& command) const {
    const std::string line = "cd " + folder_.path().string() + " && qemu-img " + command;
    ASSERT_EQ(std::system(line.c_str()), 0) << line;
  }
  void create(const std::string& words) const { run("create -q " + words); }
  [[nodiscard]] std::string at(const std::string& name) const { return folder_.path() / name; }

  [[nodiscard]] std::string code_of(const std::string& name) const {
    const ImageChain chain = probe_chain(at(name));
    return chain.problems.size() == 1 ? chain.problems[0].code : "no single problem";
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(Chains, AreFollowedToTheirEnd) {
  std::filesystem::create_directory(at("deep"));
  create("-f raw deep/base.img 1M");
  create("-f qcow2 -o compat=0.10 -b base.img -F raw deep/middle.qcow2");
  create("-f qcow2 -b " + at("deep/middle.qcow2") + " -F qcow2 near.qcow2");
  create("-f qcow2 -o cluster_size=2M -b near.qcow2 -F qcow2 top.qcow2");
  const ImageChain chain = probe_chain(at("top.qcow2"));
  EXPECT_THAT(chain.problems, IsEmpty());
  EXPECT_THAT(chain.layers, ElementsAre(ImageLayer{at("near.qcow2"), "qcow2"},
                                        ImageLayer{at("deep/middle.qcow2"), "qcow2"},
                                        ImageLayer{at("deep/base.img"), "raw"}));
}

TEST_F(Chains, OfOneImageAreNone) {
  create("-f qcow2 alone.qcow2 1M");
  EXPECT_THAT(probe_chain(at("alone.qcow2")).layers, IsEmpty());
  EXPECT_THAT(probe_chain(at("alone.qcow2")).problems, IsEmpty());
  EXPECT_THAT(probe_chain(at("nowhere.qcow2")).problems, IsEmpty());
}

TEST_F(Chains, WithAMissingImageAreRefused) {
  create("-f qcow2 -u -b nowhere.img -F raw top.qcow2 1M");
  EXPECT_EQ(code_of("top.qcow2"), "backing-not-usable");
}

TEST_F(Chains, ThatReturnToThemselvesAreRefused) {
  create("-f qcow2 -u -b b.qcow2 -F qcow2 a.qcow2 1M");
  create("-f qcow2 -u -b a.qcow2 -F qcow2 b.qcow2 1M");
  EXPECT_EQ(code_of("a.qcow2"), "backing-loop");
}

TEST_F(Chains, AreRefusedWhenTheyAreTooDeep) {
  create("-f raw 0.img 1M");
  std::string script = "-f qcow2 -b 0.img -F raw 1.qcow2";
  for (int i = 2; i <= 66; ++i)
    script += " && qemu-img create -q -u -f qcow2 -b " + std::to_string(i - 1) +
              ".qcow2 -F qcow2 " + std::to_string(i) + ".qcow2 1M";
  create(script);
  EXPECT_EQ(probe_chain(at("64.qcow2")).layers.size(), kMostLayers);
  EXPECT_THAT(probe_chain(at("64.qcow2")).problems, IsEmpty());
  EXPECT_EQ(code_of("65.qcow2"), "backing-too-deep");
}

TEST_F(Chains, WhoseFormatIsNotWrittenDownAreRefused) {
  create("-f raw base.img 1M");
  create("-f qcow2 -b base.img -F raw top.qcow2");
  // "amend" cannot take the format out; a type that nobody knows does.
  std::fstream image(at("top.qcow2"), std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(4096, '\0');
  image.read(bytes.data(), 4096);
  const std::size_t type = bytes.find("\xe2\x79\x2a\xca");
  ASSERT_NE(type, std::string::npos);
  image.seekp(static_cast<std::streamoff>(type));
  image.write("\x12\x34\x56\x78", 4);
  image.close();
  EXPECT_EQ(code_of("top.qcow2"), "backing-format-unknown");
}

TEST_F(Chains, OverTheNetworkOrOfAnotherFormatThanWrittenAreRefused) {
  create("-f raw base.img 1M");
  create("-f qcow2 -u -b nbd://host/disk -F raw far.qcow2 1M");
  create("-f qcow2 -u -b base.img -F qcow2 wrong.qcow2 1M");
  EXPECT_EQ(code_of("far.qcow2"), "backing-not-usable");
  EXPECT_EQ(code_of("wrong.qcow2"), "image-format");
}

TEST(BackingName, ThatLeadsOutsideOfTheImageIsAnError) {
  std::string head("QFI\xfb\0\0\0\x03", 8);
  head.resize(512, '\0');
  EXPECT_EQ(backing_of(head), std::nullopt);
  head[14] = 1;  // at byte 256
  EXPECT_THROW(backing_of(head), std::runtime_error);
  head[18] = 2;  // 512 bytes long
  EXPECT_THROW(backing_of(head), std::runtime_error);
  EXPECT_THROW(backing_of("no image"), std::runtime_error);
}

}  // namespace
}  // namespace kvmrt::launcher
