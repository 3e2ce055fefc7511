// SPDX-License-Identifier: MIT
// The commented profile that 'kvmrt create' writes, out of the key table.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace kvmrt::profiles {

/// What a template gives of a key.
struct TemplateValue {
  std::string yaml;                ///< in one line, as YAML
  std::vector<std::string> notes;  ///< why: a comment line each
};
using TemplateValues = std::map<std::string, TemplateValue, std::less<>>;  ///< by dotted key

/// Every key stands in it, with its default and commented out unless `given` has it. A list is
/// given as a whole. Loads as it is when the values are good.
std::string template_profile(const std::string& name, const TemplateValues& given);

}  // namespace kvmrt::profiles
