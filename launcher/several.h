// SPDX-License-Identifier: MIT
// What commands for several VMs have in common: which are meant, and the exit code of them all.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "profiles/load.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// Of several outcomes: 5, then 1, then the highest.
int worst_of(const std::vector<int>& codes);

/// The answer to a name that nobody has: code no-such-vm. `there`: the names that exist.
Problem no_such_vm(const std::string& name, const std::string& where,
                   const std::vector<std::string>& there);

/// What several names mean in the profiles of -f.
struct Chosen {
  std::vector<profiles::Profile> profiles;
  std::vector<std::string> broken;  ///< these cannot be started
  Problems problems;                ///< why, and warnings
};

/// The VMs with these names; with none given, those with autostart. Broken profiles cost their own
/// VMs only. Throws Refused for names that are not there.
Chosen chosen_profiles(const profiles::Usable& all, const std::vector<std::string>& names,
                       const std::string& where);

/// Of `items` those with these names, in that order; all when none is named. Throws Refused.
template <class Item, class NameOf>
std::vector<const Item*> chosen(const std::vector<Item>& items,
                                const std::vector<std::string>& names, const NameOf& name_of,
                                const std::string& where) {
  std::vector<const Item*> found;
  std::vector<std::string> there;
  for (const Item& item : items) there.push_back(name_of(item));
  if (names.empty())
    for (const Item& item : items) found.push_back(&item);
  Problems unknown;
  for (const std::string& name : names) {
    const auto at = std::find(there.begin(), there.end(), name);
    if (at == there.end())
      unknown.push_back(no_such_vm(name, where, there));
    else
      found.push_back(&items[static_cast<std::size_t>(at - there.begin())]);
  }
  if (!unknown.empty()) throw Refused(std::move(unknown));
  return found;
}

}  // namespace kvmrt::launcher
