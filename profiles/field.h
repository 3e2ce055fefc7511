// SPDX-License-Identifier: MIT
// Binds a row of the key table to the member of the value that it describes, by the path of member
// pointers: value<&Profile::realtime, &Realtime::promote>({...}). Type-erased, so that one reader
// and one writer (profiles/reader.h) serve the profile and the host file.
#pragma once

#include <cstddef>
#include <vector>

#include "profiles/codec.h"
#include "profiles/key.h"

namespace kvmrt::profiles {

struct Field {
  Key key;
  /// The root is the Profile or HostPolicy, the index the item's number where the name has "[]".
  void (*read)(const Node&, const Key&, void* root, std::size_t index, Sink&) = nullptr;
  Node (*write)(const Key&, const void* root, std::size_t index) = nullptr;
  std::size_t (*size)(const void* root) = nullptr;          ///< of a list
  void (*resize)(void* root, std::size_t count) = nullptr;  ///< of a list
};

using Table = std::vector<Field>;

template <class Class, class Member>
Class class_of(Member Class::*);

template <auto first, auto... rest>
Field value(const Key& key) {
  using Root = decltype(class_of(first));
  return {key,
          [](const Node& node, const Key& k, void* root, std::size_t /*index*/, Sink& sink) {
            read_value(node, k, ((static_cast<Root*>(root)->*first).*....*rest), sink);
          },
          [](const Key& k, const void* root, std::size_t /*index*/) {
            return write_value(k, ((static_cast<const Root*>(root)->*first).*....*rest));
          }};
}

/// A key of the maps in a list: item<&Profile::disks, &Disk::path>.
template <auto list, auto... path>
Field item(const Key& key) {
  using Root = decltype(class_of(list));
  return {key,
          [](const Node& node, const Key& k, void* root, std::size_t index, Sink& sink) {
            read_value(node, k, ((static_cast<Root*>(root)->*list)[index].*....*path), sink);
          },
          [](const Key& k, const void* root, std::size_t index) {
            return write_value(k, ((static_cast<const Root*>(root)->*list)[index].*....*path));
          }};
}

template <auto member>
Field list_of(Key key) {
  using Root = decltype(class_of(member));
  key.type = Type::list;
  return {key, nullptr, nullptr,
          [](const void* root) { return (static_cast<const Root*>(root)->*member).size(); },
          [](void* root, std::size_t count) { (static_cast<Root*>(root)->*member).resize(count); }};
}

inline Field section(Key key) {
  key.type = Type::section;
  return {key};
}

}  // namespace kvmrt::profiles
