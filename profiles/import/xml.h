// SPDX-License-Identifier: MIT
// XML elements that remember what was taken from them, so that the rest can be told: nothing of an
// import is dropped in silence.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

#include "profiles/import_libvirt.h"

namespace kvmrt::profiles::import {

/// What was taken, and why the rest was not.
struct Taken {
  std::set<const void*> objects;
  std::map<const void*, std::string> reasons;
};

/// One element, or none. Asking for an attribute, the text or a child takes it; what nobody took is
/// in left_of().
class Element {
 public:
  Element() = default;
  Element(pugi::xml_node node, Taken* taken) : node_(node), taken_(taken) {}

  explicit operator bool() const { return static_cast<bool>(node_); }
  [[nodiscard]] std::string name() const { return node_.name(); }
  [[nodiscard]] std::string attr(const char* name) const;  ///< "" when absent
  [[nodiscard]] bool has(const char* name) const { return !node_.attribute(name).empty(); }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Element child(const char* name) const;  ///< the first of that name
  [[nodiscard]] std::vector<Element> children(const char* name) const;
  [[nodiscard]] std::vector<Element> children() const;
  /// Without taking it.
  [[nodiscard]] std::string peek(const char* name) const { return node_.attribute(name).value(); }

  void take_all() const;  ///< with all that is below
  void leave(const std::string& reason) const;
  void leave(const char* attribute, const std::string& reason) const;

 private:
  void take(pugi::xml_node node) const;
  pugi::xml_node node_;
  Taken* taken_ = nullptr;
};

/// Every attribute, text and element that was not taken; of an element that nobody looked at, the
/// element alone.
std::vector<NotCarried> left_of(pugi::xml_node root, const Taken& taken);

/// "/domain/devices/disk[2]"
std::string path_of(pugi::xml_node node);

}  // namespace kvmrt::profiles::import
