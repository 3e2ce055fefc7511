// SPDX-License-Identifier: MIT
// Prints what the key table says: for the package's JSON Schemas and man page, at build time.
#include <cstdio>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "profiles/schema.h"

int main(int argc, char** argv) {
  using namespace kvmrt::profiles;  // NOLINT(google-build-using-namespace)
  const std::map<std::string, std::string (*)()> outputs{
      {"schema", [] { return profile_schema().dump(2) + "\n"; }},
      {"host-schema", [] { return host_schema().dump(2) + "\n"; }},
      {"man", profile_keys_as_man},
      {"host-man", host_keys_as_man},
      {"markdown", profile_keys_as_markdown},
      {"host-markdown", host_keys_as_markdown},
  };
  const auto found = outputs.find(argc == 2 ? argv[1] : "");
  if (found == outputs.end()) {
    std::fputs("Usage: kvmrt-keys schema|host-schema|man|host-man|markdown|host-markdown\n",
               stderr);
    return 2;
  }
  std::fputs(found->second().c_str(), stdout);
  return 0;
}
