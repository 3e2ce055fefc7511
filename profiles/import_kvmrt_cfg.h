// SPDX-License-Identifier: MIT
// KVM-RT's own configuration: an INI file with one section per VM, named by the UUID of its libvirt
// domain. Its attributes win over those of the domain's XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "profiles/import_libvirt.h"
#include "profiles/node.h"

namespace kvmrt::profiles {

struct CfgSection {
  std::string uuid;  ///< lower case
  Node attributes;   ///< a map of scalars with their places
  Place place;
};

struct Cfg {
  std::vector<CfgSection> sections;
  Problems problems;  ///< too-large, bad-encoding, ini-syntax, bad-section, duplicate-key,
                      ///< duplicate-uuid, unknown-key
};

/// Lines may have 190 bytes, since the parser cuts longer ones.
Cfg read_kvmrt_cfg(std::string_view text, const std::string& file);

/// Puts the section's attributes over those of the XML.
void join(Imported& domain, const CfgSection& section);

/// A text that is equal when the section says the same.
std::string as_text(const CfgSection& section);

}  // namespace kvmrt::profiles
