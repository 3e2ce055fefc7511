// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

std::optional<Bytes> amount(const Element& element) {
  return amount_of(element.text(), element.attr("unit"));
}

void take_size(const Element& domain, Draft& draft) {
  const Element memory = domain.child("memory");
  const auto size = amount(memory);
  if (!size || *size < mib(1))
    return draft.refuse("wrong-type", "memory.size",
                        fmt::format("found '{}' of memory", memory.text().substr(0, 40)));
  // libvirt rounds up to its own unit; kvmrt takes whole MiB.
  const Bytes whole = mib((size->count() + mib(1).count() - 1) >> 20U);
  if (whole != *size)
    draft.warn("imported-mapped", "memory.size",
               fmt::format("{} becomes {}", to_string(*size), to_string(whole)));
  draft.plain("memory.size", to_string(whole));
  if (memory.attr("dumpCore") == "off") return;
  memory.leave("dumpCore", "kvmrt keeps guest memory out of core dumps");
}

void take_current_size(const Element& domain) {
  const Element current = domain.child("currentMemory");
  const Element memory = domain.child("memory");
  if (current && amount(current) != amount(memory))
    current.leave("no balloon: all memory is there from the start");
}

void take_hugepages(const Element& hugepages, Draft& draft) {
  const auto pages = hugepages.children("page");
  if (pages.empty()) draft.plain("memory.hugepages", to_string(mib(2)));
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto size = amount_of(pages[i].attr("size"), pages[i].attr("unit"));
    const bool known = size && (*size == mib(2) || *size == gib(1));
    if (!known || i > 0) {
      pages[i].leave(known ? "one page size for the whole guest" : "allowed: 2MiB and 1GiB");
      continue;
    }
    draft.plain("memory.hugepages", to_string(*size));
    if (pages[i].has("nodeset")) pages[i].leave("nodeset", "one page size for the whole guest");
  }
}

void take_backing(const Element& domain, Draft& draft) {
  for (const Element& part : domain.child("memoryBacking").children()) {
    const std::string name = part.name();
    if (name == "hugepages") {
      take_hugepages(part, draft);
    } else if (name == "locked") {
      draft.locked = true;
      draft.plain("rt_memory", "true");
    } else if (name == "nosharepages") {
      continue;  // kvmrt never merges pages
    } else if (name == "allocation" && part.peek("mode") == "immediate") {
      (void)part.attr("mode");  // locked memory is allocated before the start
      if (part.has("threads")) part.leave("threads", "kvmrt chooses the number");
    } else {
      part.leave("kvmrt chooses the backing of memory");
    }
  }
}

void take_cells(const Element& domain, Draft& draft) {
  const auto cells = domain.child("cpu").child("numa").children("cell");
  if (cells.empty()) return;
  Node& nodes = draft.list("numa");
  for (const Element& cell : cells) {
    Node node = Node::map();
    node.at("vcpus") = Node::string(cell.attr("cpus"));
    const auto size = amount_of(cell.attr("memory"), cell.attr("unit"));
    node.at("memory") = Node::plain(to_string(size.value_or(Bytes())));
    if (cell.attr("id") != std::to_string(nodes.items.size()))
      cell.leave("id", "nodes are numbered in their order");
    nodes.items.push_back(std::move(node));
  }
}

}  // namespace

void take_memory(const Element& domain, Draft& draft) {
  take_size(domain, draft);
  take_current_size(domain);
  take_backing(domain, draft);
  take_cells(domain, draft);
  const Element tune = domain.child("memtune");
  for (const Element& limit : tune.children())
    limit.leave("memory limits are the supervisor's; it raises them as locking needs");
}

}  // namespace kvmrt::profiles::import
