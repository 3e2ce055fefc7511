// SPDX-License-Identifier: MIT
#include "profiles/import/xml.h"

#include <fmt/format.h>

#include "base/file.h"

namespace kvmrt::profiles::import {
namespace {

bool is_element(pugi::xml_node node) { return node.type() == pugi::node_element; }

std::string usual_reason(std::string_view name) {
  static const std::map<std::string_view, std::string> kReasons{
      {"alias", "libvirt's own name"},
      {"address", "QEMU chooses the guest's addresses"},
      {"seclabel", "security labels are libvirt's; see security.user and security.sandbox"},
      {"resource", "cgroups are the supervisor's"},
      {"controller", "QEMU makes the controllers that the devices need"},
      {"backingStore", "the image names its backing file itself"},
      {"mirror", "a running block job"},
      {"sysinfo", "no SMBIOS strings; see qemu.extra_args"},
      {"currentMemory", "no balloon: all memory is there from the start"},
      {"maxMemory", "no memory hot-plug"},
      {"metadata", "other programs' notes"},
      {"audio", "no audio backends"},
      {"filesystem", "no shared folders"},
      {"redirdev", "no USB redirection"},
      {"vsock", "no vsock; see qemu.extra_args"},
      {"iommu", "no guest IOMMU; see qemu.extra_args"},
      {"parallel", "no parallel ports"},
      {"smartcard", "no smart cards"},
  };
  const auto found = kReasons.find(name);
  return found == kReasons.end() ? "no profile key holds it" : found->second;
}

class Leftovers {
 public:
  explicit Leftovers(const Taken& taken) : taken_(taken) {}

  void walk(pugi::xml_node node) {
    for (const pugi::xml_attribute attribute : node.attributes()) {
      const std::string_view name = attribute.name();
      if (name == "xmlns" || name.starts_with("xmlns:")) continue;
      if (!is_taken(attribute.internal_object()))
        tell(fmt::format("{}/@{}", path_of(node), name), attribute.internal_object(), name);
    }
    for (const pugi::xml_node child : node.children()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        if (!is_taken(child.internal_object()) && !trimmed(child.value()).empty())
          tell(path_of(node) + "/text()", child.internal_object(), "");
      } else if (is_element(child)) {
        element(child);
      }
    }
  }

  std::vector<NotCarried> left;

 private:
  void element(pugi::xml_node child) {
    const bool has_reason = taken_.reasons.contains(child.internal_object());
    if (is_taken(child.internal_object()) && !has_reason) return walk(child);
    tell(path_of(child), child.internal_object(), child.name());
  }

  [[nodiscard]] bool is_taken(const void* object) const { return taken_.objects.contains(object); }

  void tell(std::string path, const void* object, std::string_view name) {
    const auto found = taken_.reasons.find(object);
    left.push_back(
        {std::move(path), found != taken_.reasons.end() ? found->second : usual_reason(name)});
  }

  const Taken& taken_;
};

}  // namespace

std::string Element::attr(const char* name) const {
  const pugi::xml_attribute attribute = node_.attribute(name);
  if (attribute.empty()) return "";
  taken_->objects.insert(attribute.internal_object());
  return attribute.value();
}

std::string Element::text() const {
  std::string all;
  for (const pugi::xml_node child : node_.children()) {
    if (child.type() != pugi::node_pcdata && child.type() != pugi::node_cdata) continue;
    taken_->objects.insert(child.internal_object());
    all += child.value();
  }
  return std::string(trimmed(all));
}

void Element::take(pugi::xml_node node) const { taken_->objects.insert(node.internal_object()); }

Element Element::child(const char* name) const {
  const pugi::xml_node found = node_.child(name);
  if (!found.empty()) take(found);
  return {found, taken_};
}

std::vector<Element> Element::children(const char* name) const {
  std::vector<Element> all;
  for (const pugi::xml_node child : node_.children(name)) {
    take(child);
    all.emplace_back(child, taken_);
  }
  return all;
}

std::vector<Element> Element::children() const {
  std::vector<Element> all;
  for (const pugi::xml_node child : node_.children()) {
    if (!is_element(child)) continue;
    take(child);
    all.emplace_back(child, taken_);
  }
  return all;
}

void Element::take_all() const {
  if (node_.empty()) return;
  std::vector<pugi::xml_node> open{node_};
  while (!open.empty()) {
    const pugi::xml_node node = open.back();
    open.pop_back();
    take(node);
    for (const pugi::xml_attribute attribute : node.attributes())
      taken_->objects.insert(attribute.internal_object());
    for (const pugi::xml_node child : node.children()) open.push_back(child);
  }
}

void Element::leave(const std::string& reason) const {
  if (!node_.empty()) taken_->reasons[node_.internal_object()] = reason;
}

void Element::leave(const char* attribute, const std::string& reason) const {
  const pugi::xml_attribute found = node_.attribute(attribute);
  if (found.empty()) return;
  taken_->objects.erase(found.internal_object());
  taken_->reasons[found.internal_object()] = reason;
}

std::vector<NotCarried> left_of(pugi::xml_node root, const Taken& taken) {
  Leftovers leftovers(taken);
  leftovers.walk(root);
  return std::move(leftovers.left);
}

std::string path_of(pugi::xml_node node) {
  std::string path;
  for (; is_element(node); node = node.parent()) {
    const std::string_view name = node.name();
    std::size_t before = 0;
    std::size_t all = 0;
    for (const pugi::xml_node sibling : node.parent().children(node.name())) {
      ++all;
      if (sibling == node) before = all;
    }
    const std::string step =
        all > 1 ? fmt::format("/{}[{}]", name, before) : fmt::format("/{}", name);
    path.insert(0, step);
  }
  return path;
}

}  // namespace kvmrt::profiles::import
