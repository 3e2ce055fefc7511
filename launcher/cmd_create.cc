// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/create.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-create line3 --vcpus 2 --memory 2GiB --disk line3.qcow2\n"
    "  kvmrt-create -f . probe --kernel vmlinuz --initrd probe.img --no-rt";

void add_options(CLI::App& app, CreateOptions& options) {
  app.add_option("name", options.name, "of the new VM")->type_name("NAME")->required();
  app.add_option("--vcpus", options.vcpus, "number of vCPUs (default 1)")
      ->type_name("N")
      ->check(CLI::Range(1, partition::BitSet::kMaxId).description(""));
  app.add_option("--cpuset", options.cpuset, "host CPUs, instead of those suggested")
      ->type_name("ID-SET");
  auto* rt = app.add_flag("--rt", options.rt, "real-time, or an error without CPUs for it");
  app.add_flag("--no-rt", options.no_rt, "not real-time (default: where there are CPUs)")
      ->excludes(rt);
  app.add_option("--memory", options.memory, "of the guest (default 1GiB)")->type_name("SIZE");
  app.add_option("--disk", options.disks, "an image or block device; may be repeated")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--kernel", options.kernel, "a Linux kernel to boot")->type_name("PATH");
  app.add_option("--initrd", options.initrd, "its initial RAM disk")->type_name("PATH");
  app.add_option("--cmdline", options.cmdline, "its command line")->type_name("TEXT");
  add_config_option(app, options.common);
  add_input_option(app, options.common);
  add_verbose_option(app, options.common);
}

}  // namespace

int cmd_create(int argc, char** argv) {
  CreateOptions options;
  CLI::App app("Makes a commented profile, with CPUs suggested from this host's topology.");
  add_options(app, options);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  create_profile(options);
  return static_cast<int>(ExitCode::done);
}

}  // namespace kvmrt::launcher
