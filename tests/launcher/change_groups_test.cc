// SPDX-License-Identifier: MIT
#include "launcher/change_groups.h"

#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

using partition::Change;

TEST(ChangeGroups, PutTasksThatAreTreatedAlikeIntoOneLine) {
  const Change irq{"/proc/irq/24/smp_affinity_list", "0-7", "0-3", "interrupts", false};
  const Change pinned{"task:5:affinity", "4", "0-3", "odd: off owned CPUs", false};
  const std::vector<Change> changes{
      irq,
      {"task:1:affinity", "0-7", "0-3", "init: off owned CPUs", false},
      {"task:2:affinity", "0-7", "0-3", "kworker/0:1H: off owned CPUs", false},
      pinned,
      {"task:3:affinity", "0-7", "0-3", "bash: off owned CPUs", false},
      {"task:4:affinity", "0-7", "0-3", "cat: off owned CPUs", false},
      {"task:9:affinity", "0-7", "0-3", "bash: off owned CPUs", false},
  };
  const std::vector<Change> wanted{
      irq,
      {"task:*:affinity (5 tasks)", "0-7", "0-3", "off owned CPUs: init, kworker/0:1H, bash, …",
       false},
      pinned,
  };
  EXPECT_EQ(grouped(changes), wanted);
}

TEST(ChangeGroups, TellSettingsAndReasonsApart) {
  const std::vector<Change> changes{
      {"task:1:affinity", "0", "1", "a: as it was", false},
      {"task:1:policy", "0", "1", "a: as it was", false},
      {"task:2:affinity", "0", "1", "b: off owned CPUs", false},
  };
  EXPECT_EQ(grouped(changes), changes);
}

}  // namespace
}  // namespace kvmrt::launcher
