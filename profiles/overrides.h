// SPDX-License-Identifier: MIT
// --set key=value: puts values into a document before it is read.
#pragma once

#include "profiles/load.h"
#include "profiles/node.h"

namespace kvmrt::profiles {

/// Code bad-override for a text without "=" or with a key that cannot be; unknown keys are found
/// when the document is read. Places name "--set" as file, columns count in the whole text.
Problems apply_overrides(Node& document, const Overrides& overrides);

}  // namespace kvmrt::profiles
