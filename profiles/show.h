// SPDX-License-Identifier: MIT
// A profile (or the host file) as interpreted: all keys of the table with their values, as nodes,
// YAML or JSON. Loading the YAML again gives an equal profile.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "partition/policy.h"
#include "profiles/node.h"
#include "profiles/profile.h"

namespace kvmrt::profiles {

Node show(const Profile& profile);
Node show(const partition::HostPolicy& policy);

/// Block style, lists of scalars in one line; ends in a newline.
std::string to_yaml(const Node& node);

/// A scalar as YAML writes it in one line, quoted where it must be.
std::string yaml_scalar(const Node& scalar);

/// Plain numbers and booleans become JSON's, everything else a string.
nlohmann::ordered_json to_json(const Node& node);

}  // namespace kvmrt::profiles
