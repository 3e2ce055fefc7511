// SPDX-License-Identifier: MIT
#include "partition/checks/facts.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fmt/core.h>

#include "base/file.h"

namespace kvmrt::partition::checks {

std::optional<std::string> text_of(const HostView& host, const std::string& path) {
  const FileText file = host.read(path);
  if (!file.ok()) return std::nullopt;
  return std::string(trimmed(file.text));
}

std::optional<long long> to_number(std::string_view text) {
  text = trimmed(text);
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<long long> number_of(const HostView& host, const std::string& path) {
  const auto text = text_of(host, path);
  return text ? to_number(*text) : std::nullopt;
}

std::optional<CpuSet> cpus_of(const HostView& host, const std::string& path) {
  const auto text = text_of(host, path);
  if (!text) return std::nullopt;
  if (*text == "(null)") return CpuSet{};
  return CpuSet::from_list(*text);
}

Finding unreadable(const HostView& host, const std::string& path, std::string wanted,
                   std::string fix) {
  const int error = host.read(path).error;
  if (error == ENOENT || error == ENOTDIR)
    return unknown(path + " is absent", std::move(wanted), std::move(fix));
  if (error == EACCES || error == EPERM)
    return unknown("cannot read " + path + ": needs root", std::move(wanted), std::move(fix));
  return unknown(error == 0 ? path + " holds what is not understood"
                            : fmt::format("cannot read {}: {}", path, std::strerror(error)),
                 std::move(wanted), std::move(fix));
}

Finding expect_text(const HostView& host, const std::string& path, const std::string& wanted,
                    std::string fix) {
  const auto found = text_of(host, path);
  if (!found) return unreadable(host, path, wanted, std::move(fix));
  return verdict(*found == wanted, *found, wanted, std::move(fix));
}

std::string fix_boot(std::string_view parameters) {
  return fmt::format("kernel command line: {}", parameters);
}

std::string fix_sysctl(std::string_view name, std::string_view value) {
  return fmt::format("/etc/sysctl.d/90-kvmrt.conf: {} = {}", name, value);
}

std::string fix_run(std::string_view command) { return fmt::format("run: {}", command); }

std::string fix_firmware(std::string_view advice) { return fmt::format("firmware: {}", advice); }

std::string fix_module(const HostView& host, const std::string& module,
                       const std::string& parameter, const std::string& value) {
  if (module_is_builtin(host, module))
    return fix_boot(fmt::format("{}.{}={}", module, parameter, value));
  return fmt::format("/etc/modprobe.d/kvmrt.conf: options {} {}={}", module, parameter, value);
}

std::string fix_at_start(std::string_view by_hand) {
  return fmt::format("kvmrt-launch does it at start; by hand: {}", by_hand);
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += between;
    joined += word;
  }
  return joined;
}

std::string some_of(const std::vector<std::string>& words, std::size_t most) {
  if (words.size() <= most) return join(words);
  const std::vector<std::string> first(words.begin(),
                                       words.begin() + static_cast<std::ptrdiff_t>(most));
  return fmt::format("{} and {} more", join(first), words.size() - most);
}

}  // namespace kvmrt::partition::checks
