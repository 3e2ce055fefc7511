// SPDX-License-Identifier: MIT
// libraries: kvmrt_profiles kvmrt_partition kvmrt_base
// Any text as profile and as host file. Asserted beyond "no crash": a refusal has a problem with a
// code; what loads is shown as YAML that loads again to the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "profiles/host_file.h"
#include "profiles/load.h"
#include "profiles/show.h"

namespace {

using namespace kvmrt;            // NOLINT(google-build-using-namespace)
using namespace kvmrt::profiles;  // NOLINT(google-build-using-namespace)

void require(bool holds) {
  if (!holds) std::abort();
}

void check_refusal(const Problems& problems) {
  require(has_error(problems));
  for (const Problem& problem : problems)
    require(!problem.code.empty() && !problem.message.empty());
}

void profile(std::string_view text) {
  const auto loaded = load_text(text, "fuzz.yaml");
  if (!loaded) return check_refusal(loaded.problems());
  for (const Profile& vm : *loaded) {
    (void)request_of(vm, true);
    (void)unbuilt(vm);
    const std::string shown = to_yaml(show(vm));
    const auto again = load_text(shown, "again.yaml");
    require(again.ok() && again->size() == 1);
    require(to_yaml(show(again->front())) == shown);
  }
}

void host_file(std::string_view text) {
  const auto loaded = load_host_text(text, "host.yaml");
  if (!loaded) return check_refusal(loaded.problems());
  const std::string shown = to_yaml(show(*loaded));
  const auto again = load_host_text(shown, "again.yaml");
  require(again.ok() && to_yaml(show(*again)) == shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  profile(text);
  host_file(text);
  return 0;
}
