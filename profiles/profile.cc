// SPDX-License-Identifier: MIT
#include "profiles/profile.h"

#include <string>

namespace kvmrt::profiles {

Place Profile::place_of(const std::string& key) const {
  for (std::string at = key; !at.empty();) {
    if (const auto found = places.find(at); found != places.end()) return found->second;
    const auto cut = at.find_last_of(".[");
    if (cut == std::string::npos) break;
    at.resize(cut);
  }
  return place;
}

void locate(Problems& problems, const Profile& profile) {
  for (Problem& problem : problems) {
    if (problem.place.file.empty() && (problem.vm.empty() || problem.vm == profile.name))
      problem.place = profile.place_of(problem.key);
  }
}

}  // namespace kvmrt::profiles
