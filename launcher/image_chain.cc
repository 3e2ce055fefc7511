// SPDX-License-Identifier: MIT
#include "launcher/image_chain.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <set>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/fd.h"
#include "launcher/preflight_files.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFormatExtension = 0xe2792aca;
constexpr std::size_t kLongestName = 1023;
constexpr std::size_t kShortestHeader = 72;  // version 2, which does not write its length
constexpr unsigned kLargestCluster = 21;     // bits

/// Big-endian numbers and names out of the header; what leads outside is an error.
class Header {
 public:
  explicit Header(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::string_view text(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at)
      throw std::runtime_error("its header leads outside of its first cluster");
    return bytes_.substr(at, size);
  }
  [[nodiscard]] std::uint64_t number(std::uint64_t at, std::uint64_t size) const {
    std::uint64_t value = 0;
    for (const char byte : text(at, size)) value = value << 8U | static_cast<unsigned char>(byte);
    return value;
  }

 private:
  std::string_view bytes_;
};

/// Extensions stand between the header and the backing file's name: a type, a length, that many
/// bytes, padded to eight; type 0 ends them.
std::string format_in(const Header& header, std::uint64_t at, std::uint64_t end) {
  while (at + 8 <= end) {
    const std::uint64_t type = header.number(at, 4);
    const std::uint64_t size = header.number(at + 4, 4);
    if (type == 0) return {};
    const std::string_view data = header.text(at + 8, size);
    if (type == kFormatExtension) return std::string(data);
    at += 8 + (size + 7) / 8 * 8;
  }
  return {};
}

struct Opened {
  Fd fd;
  struct stat facts {};
  int error = 0;
};

Opened open_image(const std::string& path) {
  Opened opened;
  opened.fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.facts) != 0) opened.error = errno;
  if (S_ISDIR(opened.facts.st_mode)) opened.error = EISDIR;
  return opened;
}

/// As much as is there of the first cluster; its size is byte 20 to 23 of the header.
std::string first_cluster(const Fd& fd) {
  std::array<char, kShortestHeader> head{};
  if (::pread(fd.get(), head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
    return {};
  const std::uint64_t bits = Header({head.data(), head.size()}).number(20, 4);
  if (bits > kLargestCluster) return {};
  std::string cluster(std::size_t{1} << bits, '\0');
  const ssize_t got = ::pread(fd.get(), cluster.data(), cluster.size(), 0);
  cluster.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return cluster;
}

/// "nbd://host/x", "json:{…}": a word and a colon before the first slash.
bool has_protocol(const std::string& file) {
  const std::size_t colon = file.find(':');
  return colon != std::string::npos && colon < file.find('/');
}

Problem problem(std::string code, std::string message, std::string hint = {}) {
  Problem made;
  made.code = std::move(code);
  made.message = std::move(message);
  made.hint = std::move(hint);
  return made;
}

class Follower {
 public:
  explicit Follower(ImageChain& chain) : chain_(chain) {}

  void follow(std::string image) {
    Opened opened = open_image(image);
    while (opened.error == 0) {
      if (!seen_.insert({opened.facts.st_dev, opened.facts.st_ino}).second)
        return refuse("backing-loop", fmt::format("{} is its own backing file", image));
      const auto below = below_of(image, opened.fd);
      if (!below) return;
      if (chain_.layers.size() == kMostLayers)
        return refuse("backing-too-deep",
                      fmt::format("more than {} backing files below each other", kMostLayers),
                      "qemu-img rebase or commit shortens the chain");
      opened = open_image(below->path);
      if (opened.error != 0) return missing(*below, image, opened.error);
      chain_.layers.push_back(*below);
      chain_.layers.back().block_device = S_ISBLK(opened.facts.st_mode);
      if (below->format != "qcow2") return;
      image = below->path;
    }
  }

 private:
  void refuse(std::string code, std::string message, std::string hint = {}) {
    chain_.problems.push_back(problem(std::move(code), std::move(message), std::move(hint)));
  }

  void missing(const ImageLayer& below, const std::string& image, int error) {
    refuse("backing-not-usable",
           fmt::format("{}, the backing file of {}: {}", below.path, image,
                       std::generic_category().message(error)),
           "qemu-img rebase -u names another one");
  }

  std::optional<ImageLayer> below_of(const std::string& image, const Fd& fd) {
    const std::string cluster = first_cluster(fd);
    if (detect_image_format(cluster) != "qcow2") {
      // Of the disk itself, others tell.
      if (!chain_.layers.empty())
        refuse("image-format", fmt::format("{} is not qcow2, as the image above it says", image));
      return std::nullopt;
    }
    try {
      const auto name = backing_of(cluster);
      if (name) return layer_of(image, *name);
    } catch (const std::runtime_error& error) {
      refuse("image-format", fmt::format("{}: {}", image, error.what()), "qemu-img check " + image);
    }
    return std::nullopt;
  }

  std::optional<ImageLayer> layer_of(const std::string& image, BackingName name) {
    if (name.file.starts_with("file:")) name.file.erase(0, 5);
    if (has_protocol(name.file)) {
      refuse("backing-not-usable",
             fmt::format("{}, the backing file of {}, is no file", name.file, image),
             "QEMU's own options can reach it (qemu.extra_args)");
      return std::nullopt;
    }
    if (name.format.empty()) {
      // Guessing is what a guest that once wrote the file as a raw disk could make use of.
      refuse("backing-format-unknown",
             fmt::format("{} does not say of what format its backing file is", image),
             fmt::format("qemu-img rebase -u -f qcow2 -b {} -F FORMAT {}", name.file, image));
      return std::nullopt;
    }
    return ImageLayer{fs::path(image).parent_path() / name.file, name.format};
  }

  ImageChain& chain_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

std::optional<BackingName> backing_of(std::string_view cluster) {
  if (detect_image_format(cluster) != "qcow2") throw std::runtime_error("it is not qcow2");
  const Header header(cluster);
  const std::uint64_t offset = header.number(8, 8);
  const std::uint64_t size = header.number(16, 4);
  if (offset == 0) return std::nullopt;
  if (size == 0 || size > kLongestName)
    throw std::runtime_error("its backing file's name is too long");
  const std::uint64_t length = header.number(4, 4) >= 3 ? header.number(100, 4) : kShortestHeader;
  return BackingName{std::string(header.text(offset, size)), format_in(header, length, offset)};
}

ImageChain probe_chain(const std::string& path) {
  ImageChain chain;
  Follower(chain).follow(path);
  return chain;
}

}  // namespace kvmrt::launcher
