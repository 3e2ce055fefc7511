// SPDX-License-Identifier: MIT
// The XML file itself, and the parts of the domain in their order.
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "profiles/codec.h"
#include "profiles/import/draft.h"
#include "profiles/import_libvirt.h"
#include "profiles/keys.h"
#include "profiles/text_scan.h"

namespace kvmrt::profiles {
namespace {

using import::Draft;
using import::Element;

constexpr int kDeepestXml = 64;

Problem refusal(const std::string& source, std::string code, std::string message,
                TextPlace place = {0, 0}) {
  return {Severity::error,
          std::move(code),
          "",
          "",
          std::move(message),
          "",
          {source, place.line, place.column}};
}

struct DepthWalker : pugi::xml_tree_walker {
  bool for_each(pugi::xml_node& /*node*/) override { return depth() < kDeepestXml; }
};

Problems check_text(std::string_view xml, const std::string& source) {
  if (xml.size() > kLongestXml)
    return {
        refusal(source, "too-large",
                fmt::format("more than {} bytes; a domain's XML may have that many", kLongestXml))};
  if (const auto bad = first_bad_text(xml))
    return {refusal(source, "bad-encoding",
                    "this is not UTF-8 text, as libvirt writes it, or a control character",
                    place_at(xml, *bad))};
  return {};
}

Problems parse(std::string_view xml, const std::string& source, pugi::xml_document& document) {
  const auto flags = pugi::parse_default | pugi::parse_doctype | pugi::parse_declaration;
  const auto result = document.load_buffer(xml.data(), xml.size(), flags, pugi::encoding_utf8);
  if (!result)
    return {refusal(
        source, "xml-syntax", result.description(),
        place_at(xml, static_cast<std::size_t>(std::max<std::ptrdiff_t>(result.offset, 0))))};
  for (const pugi::xml_node node : document.children()) {
    if (node.type() == pugi::node_doctype)
      return {refusal(source, "xml-doctype",
                      "a document type; domain XML has none, and entities are not expanded")};
    const std::string_view encoding = node.attribute("encoding").value();
    if (node.type() == pugi::node_declaration && !encoding.empty() && encoding != "UTF-8" &&
        encoding != "utf-8" && encoding != "ASCII" && encoding != "US-ASCII")
      return {refusal(source, "bad-encoding",
                      fmt::format("declared as {}; allowed: UTF-8", encoding), {1, 1})};
  }
  DepthWalker walker;
  if (!document.traverse(walker))
    return {
        refusal(source, "too-deep", fmt::format("nested more than {} levels deep", kDeepestXml))};
  return {};
}

void take_all_parts(const Element& domain, Draft& draft) {
  import::take_identity(domain, draft);
  import::take_cpus(domain, draft);
  import::take_memory(domain, draft);
  import::take_iothreads(domain, draft);
  import::take_placement(domain, draft);
  import::take_boot(domain, draft);
  import::take_devices(domain, draft);
  import::take_qemu(domain, draft);
}

Node in_table_order(Node document) {
  Node sorted = Node::map();
  for (const std::string& name : names_below(profile_keys(), "")) {
    if (Node* found = document.find(name)) sorted.entries.push_back({name, {}, std::move(*found)});
  }
  return sorted;
}

std::string scalar_in(const Node& document, std::string_view key) {
  const Node* node = document.find(key);
  return node != nullptr && node->is_scalar() ? node->text : "";
}

}  // namespace

std::string Imported::name() const { return scalar_in(document, "name"); }

std::string Imported::uuid() const { return scalar_in(document, "uuid"); }

Imported import_libvirt(std::string_view xml, const std::string& source) {
  if (Problems problems = check_text(xml, source); !problems.empty())
    return {{}, {}, std::move(problems)};
  pugi::xml_document document;
  if (Problems problems = parse(xml, source, document); !problems.empty())
    return {{}, {}, std::move(problems)};
  const pugi::xml_node root = document.document_element();
  if (std::string_view(root.name()) != "domain")
    return {{},
            {},
            {refusal(source, "not-a-domain",
                     fmt::format("found <{}>; allowed: <domain>", root.name()))}};
  import::Taken taken;
  Draft draft(source);
  take_all_parts(Element(root, &taken), draft);
  for (Problem& problem : draft.problems) problem.vm = scalar_in(draft.document, "name");
  if (has_error(draft.problems)) return {{}, {}, std::move(draft.problems)};
  return {in_table_order(std::move(draft.document)), import::left_of(root, taken),
          std::move(draft.problems)};
}

}  // namespace kvmrt::profiles

namespace kvmrt::profiles::import {
namespace {

/// Letters, digits, '.', '_' and '-'; libvirt allows nearly everything.
std::string vm_name(const std::string& name) {
  std::string clean;
  for (const char c : name.substr(0, 64)) clean += is_vm_name(std::string("a") + c) ? c : '_';
  if (!clean.empty() && !is_vm_name(clean)) clean = ("vm" + clean).substr(0, 64);
  return clean;
}

void take_name(const Element& domain, Draft& draft) {
  const std::string given = domain.child("name").text();
  const std::string name = vm_name(given);
  if (name.empty()) return draft.refuse("missing-key", "name", "the domain has no name");
  draft.text("name", name);
  if (name != given)
    draft.warn("imported-mapped", "name", fmt::format("'{}' becomes '{}'", given, name));
}

void take_uuid(const Element& domain, Draft& draft) {
  std::string uuid = domain.child("uuid").text();
  if (uuid.empty()) return;
  if (uuid.size() == 32) {  // libvirt takes it without dashes
    for (const std::size_t at : {20U, 16U, 12U, 8U}) uuid.insert(at, "-");
  }
  if (!is_uuid(uuid))
    return draft.refuse("wrong-type", "uuid", fmt::format("'{}' is no UUID", uuid.substr(0, 64)));
  std::transform(uuid.begin(), uuid.end(), uuid.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  draft.text("uuid", uuid);
}

/// libosinfo's id is the only thing that says what the guest is.
void take_metadata(const Element& domain, Draft& draft) {
  for (const Element& info : domain.child("metadata").children()) {
    const Element os = info.child("libosinfo:os");
    if (!os) {
      info.leave("other programs' notes");
      continue;
    }
    const std::string id = os.attr("id");
    if (id.find("microsoft") != std::string::npos) draft.text("guest.os", "windows");
    if (id.find("bsd") != std::string::npos) draft.text("guest.os", "other");
  }
}

}  // namespace

void take_identity(const Element& domain, Draft& draft) {
  const std::string type = domain.attr("type");
  if (type != "kvm" && type != "qemu")
    draft.refuse("unsupported-domain", "",
                 fmt::format("found a domain of type '{}'; allowed: kvm, qemu", type));
  if (type == "qemu") draft.text("qemu.accel", "tcg");
  (void)domain.attr("id");  // a running domain's number
  take_name(domain, draft);
  take_uuid(domain, draft);
  draft.text("title", domain.child("title").text());
  draft.text("description", domain.child("description").text());
  take_metadata(domain, draft);
}

}  // namespace kvmrt::profiles::import
