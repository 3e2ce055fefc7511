// SPDX-License-Identifier: MIT
// libraries: kvmrt_profiles kvmrt_partition kvmrt_base
// Any text as domain XML, else as kvmrt.cfg. Asserted beyond "no crash": a refusal has a code; what
// is imported is YAML that parses, and remembers its source.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "profiles/import_kvmrt_cfg.h"
#include "profiles/import_libvirt.h"
#include "profiles/import_text.h"
#include "profiles/load.h"

namespace {

using namespace kvmrt;            // NOLINT(google-build-using-namespace)
using namespace kvmrt::profiles;  // NOLINT(google-build-using-namespace)

void require(bool holds) {
  if (!holds) std::abort();
}

void check_problems(const Problems& problems) {
  for (const Problem& problem : problems)
    require(!problem.code.empty() && !problem.message.empty());
}

void check_file(const std::string& text) {
  require(origin_of(text).has_value());
  const auto loaded = load_text(text, "fuzz.yaml");
  check_problems(loaded.problems());
  // The values may be refused, the YAML around them never.
  for (const Problem& problem : loaded.problems())
    require(problem.code != "yaml-syntax" && problem.code != "duplicate-key");
}

void domain(std::string_view xml) {
  Imported imported = import_libvirt(xml, "fuzz.xml");
  check_problems(imported.problems);
  if (!imported.ok()) return require(has_error(imported.problems));
  const std::string text = imported_text(imported.document, {{"fuzz.xml", "0"}});
  check_file(text);
  check_file(updated_text(text, imported.document, {{"fuzz.xml", "0"}}));
}

void cfg(std::string_view text) {
  const Cfg cfg = read_kvmrt_cfg(text, "fuzz.cfg");
  check_problems(cfg.problems);
  for (const CfgSection& section : cfg.sections) {
    Imported imported;
    imported.document.at("name") = Node::string("vm");
    join(imported, section);
    check_file(imported_text(imported.document, {{"fuzz.cfg", "0"}}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("<")) {
    domain(text);
  } else {
    cfg(text);
  }
  return 0;
}
