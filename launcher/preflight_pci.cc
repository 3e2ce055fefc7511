// SPDX-License-Identifier: MIT
#include "launcher/preflight_pci.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

std::string word_at(const fs::path& path) {
  return std::string(trimmed(read_file_if_any(path).value_or("")));
}

std::string link_name(const fs::path& link) {
  std::error_code none;
  const fs::path target = fs::read_symlink(link, none);
  return none ? std::string() : target.filename().string();
}

bool keeps_its_group(const fs::path& device, const std::string& driver) {
  if (word_at(device / "class").starts_with("0x0604") || driver.empty()) return false;
  return driver != "vfio-pci" && driver != "pci-stub";
}

PciFacts facts_of(const fs::path& devices, const std::string& address) {
  PciFacts facts;
  facts.address = address;
  const std::string group = link_name(devices / address / "iommu_group");
  std::from_chars(group.data(), group.data() + group.size(), facts.group);
  std::error_code none;
  for (const auto& entry :
       fs::directory_iterator(devices / address / "iommu_group/devices", none)) {
    const std::string name = entry.path().filename().string();
    const std::string driver = link_name(devices / name / "driver");
    if (name != address && keeps_its_group(devices / name, driver))
      facts.others.push_back({name, driver});
  }
  std::sort(facts.others.begin(), facts.others.end(),
            [](const GroupMember& a, const GroupMember& b) { return a.address < b.address; });
  facts.intel_graphics = word_at(devices / address / "vendor") == "0x8086" &&
                         word_at(devices / address / "class").starts_with("0x03");
  return facts;
}

Problem problem(const profiles::Profile& profile, const char* code, std::size_t index,
                std::string message, std::string hint) {
  return {Severity::error, code, profile.name, fmt::format("pci[{}]", index), std::move(message),
          std::move(hint), {}};
}

/// Members that this VM is not given.
std::string strangers(const profiles::Profile& profile, const PciFacts& facts) {
  std::string text;
  for (const GroupMember& one : facts.others) {
    if (std::find(profile.pci.begin(), profile.pci.end(), one.address) != profile.pci.end())
      continue;
    text += fmt::format("{}{} (driver {})", text.empty() ? "" : ", ", one.address, one.driver);
  }
  return text;
}

/// "intel_iommu=on,igfx_off": the graphics of an Intel processor has no IOMMU then.
bool excludes_graphics(const std::string& boot_parameters) {
  const auto words = fields_of(boot_parameters);
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return word.starts_with("intel_iommu=") && word.find("igfx_off") != std::string_view::npos;
  });
}

}  // namespace

std::vector<PciFacts> probe_pci(const profiles::Profile& profile, const fs::path& root) {
  const fs::path devices = root / "sys/bus/pci/devices";
  std::vector<PciFacts> all;
  std::error_code none;
  for (const std::string& address : profile.pci)
    if (fs::exists(devices / address, none)) all.push_back(facts_of(devices, address));
  return all;
}

Problems pci_problems(const profiles::Profile& profile, const std::vector<PciFacts>& facts,
                      const std::string& boot_parameters) {
  Problems problems;
  for (const PciFacts& device : facts) {
    const auto at = std::find(profile.pci.begin(), profile.pci.end(), device.address);
    const auto index = static_cast<std::size_t>(at - profile.pci.begin());
    if (device.intel_graphics && excludes_graphics(boot_parameters))
      problems.push_back(
          problem(profile, "pci-excluded-from-iommu", index,
                  fmt::format("boot parameter intel_iommu=…igfx_off keeps {} from the IOMMU",
                              device.address),
                  "remove igfx_off from the kernel command line"));
    const std::string others = strangers(profile, device);
    if (others.empty()) continue;
    problems.push_back(problem(
        profile, "pci-group-incomplete", index,
        fmt::format("IOMMU group {} of {} also holds {}", device.group, device.address, others),
        "give them to this VM too, or take their drivers from them: echo ADDRESS > "
        "/sys/bus/pci/devices/ADDRESS/driver/unbind"));
  }
  return problems;
}

}  // namespace kvmrt::launcher
