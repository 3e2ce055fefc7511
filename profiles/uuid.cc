// SPDX-License-Identifier: MIT
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "profiles/load.h"

namespace kvmrt::profiles {

std::string uuid_of(const std::string& name) {
  // The project's own namespace; changing it changes every derived UUID.
  static const boost::uuids::uuid kNamespace =
      boost::uuids::string_generator()("8b1f3c1e-6f0a-4c64-9d52-2f6b7a5c9e10");
  return to_string(boost::uuids::name_generator_sha1(kNamespace)(name));
}

}  // namespace kvmrt::profiles
