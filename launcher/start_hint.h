// SPDX-License-Identifier: MIT
// What a user can do about the words with which QEMU gave up at its start. QEMU names its own
// options there; the hint names the profile's key and the way out.
#pragma once

#include <string>
#include <string_view>

namespace kvmrt::launcher {

/// One line: the key, then what to do. "" for words that are not known. Pure.
std::string start_hint(std::string_view said);

}  // namespace kvmrt::launcher
