// SPDX-License-Identifier: MIT
#include "launcher/machine_firmware.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

/// Code and store belong together: a 2 MiB code does not understand a 4 MiB build's store.
constexpr std::array<std::pair<const char*, const char*>, 6> kBuilds{{
    {"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},
    {"usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"},
    {"usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"},
    {"usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},
    {"usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "usr/share/edk2-ovmf/x64/OVMF_VARS.fd"},
    {"usr/share/qemu/ovmf-x86_64-code.bin", "usr/share/qemu/ovmf-x86_64-vars.bin"},
}};

void make_private_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::create_directories(folder, error)) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) throw SystemError("make", folder, error.value());
}

}  // namespace

std::optional<UefiFirmware> find_uefi(const fs::path& root) {
  std::error_code ignored;
  for (const auto& [code, store] : kBuilds) {
    UefiFirmware build{root / code, root / store};
    if (fs::is_regular_file(build.code, ignored) &&
        fs::is_regular_file(build.store_template, ignored))
      return build;
  }
  return std::nullopt;
}

fs::path library_folder() {
  const char* const named = std::getenv("KVMRT_LIBDIR");
  return named == nullptr || *named == '\0' ? "/var/lib/kvmrt" : named;
}

void make_library_folder() { make_private_folder(library_folder()); }

fs::path variable_store_of(const std::string& vm) { return library_folder() / (vm + ".uefi-vars"); }

void make_variable_store(const UefiFirmware& firmware, const fs::path& store) {
  std::error_code error;
  const auto size = fs::file_size(store, error);
  if (error == std::errc::no_such_file_or_directory) {
    make_private_folder(store.parent_path());
    return replace_file(store, read_file(firmware.store_template));
  }
  if (error) throw SystemError("look at", store, error.value());
  if (size != fs::file_size(firmware.store_template))
    throw SystemError("use", store, EINVAL,
                      "it was made for other firmware than " + firmware.code.string() +
                          "; move it away to start with an empty one");
}

}  // namespace kvmrt::launcher
