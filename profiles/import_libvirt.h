// SPDX-License-Identifier: MIT
// A profile out of libvirt domain XML, without libvirt. The XML is hostile input: document types,
// wrong encodings, deep or long files are errors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "profiles/node.h"

namespace kvmrt::profiles {

/// An element or attribute that the profile does not hold.
struct NotCarried {
  std::string path;  ///< "/domain/devices/disk[2]/driver/@queues"
  std::string reason;
  friend bool operator==(const NotCarried&, const NotCarried&) = default;
};

struct Imported {
  Node document;                        ///< the profile's keys; empty when `problems` has errors
  std::vector<NotCarried> not_carried;  ///< in the order of the XML
  Problems problems;                    ///< errors: no profile; warnings: what was mapped, and how
  [[nodiscard]] bool ok() const { return !has_error(problems); }
  [[nodiscard]] std::string name() const;  ///< "" without one
  [[nodiscard]] std::string uuid() const;  ///< "" without one; lower case
};

constexpr std::size_t kLongestXml = std::size_t{4} << 20U;  ///< bytes

/// Codes: too-large, bad-encoding, xml-syntax, xml-doctype, too-deep, not-a-domain, missing-key,
/// unsupported-domain; warnings: imported-mapped, imported-approximated.
Imported import_libvirt(std::string_view xml, const std::string& source);

}  // namespace kvmrt::profiles
