#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# What scripts/testhost says before it boots anything, and of a QEMU that dies.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

refused() { # WANTED-PART OPTION…
  local wanted=$1 said
  shift
  said=$("$scripts/testhost" "$@" 2>&1 >/dev/null </dev/null)
  equal "exit code of: $*" 2 $?
  has "message of: $*" "$said" "$wanted"
}

refused "no shape 'nope'" --shape nope -- true
refused "no kernel '5.4'" --kernel=5.4 -- true
refused "wants a number above 0, not '1h'" --timeout 1h -- true
refused "unknown option '--bogus'" --bogus x -- true
refused 'its value is missing' --shape
refused 'wants NAME=VALUE' --env nothing -- true
has 'the list of shapes' "$("$scripts/testhost" --list)" 'managed-irq'
has 'the list of kernels' "$("$scripts/testhost" --list)" '6.12-rt'
has 'the help' "$("$scripts/testhost" --help)" 'Exit status:'

# A QEMU that fails an assertion, `deaths` times; then it is a machine whose command ends with 5.
# It looks at the kernel it is given, and the test host's folder, and boots nothing.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,cache/kernels/6.1-rt/modules/none}
touch "$work"/cache/kernels/6.1-rt/{vmlinux,modules/none/modules.dep,modules/modules.dep.bin}
touch "$work"/cache/kernels/6.1-rt/modules/none/modules.dep.bin
echo none >"$work/cache/kernels/6.1-rt/release"
cat >"$work/bin/qemu-system-x86_64" <<'FAKE'
#!/bin/bash
run=$(grep -o 'id=log,path=[^ ]*/console.log' <<<"$*")
run=${run#id=log,path=} run=${run%/console.log}
echo boot >>"$STARTS"
if (($(wc -l <"$STARTS") <= DEATHS)); then
  [[ ! ${BEGUN:-} ]] || touch "$run/begun"
  echo 'qemu-system-x86_64: ../hw/pci/msix.c:209: msix_table_mmio_write: Assertion `true` failed.' >&2
  kill -ABRT $$
fi
echo 5 >"$run/rc"
FAKE
chmod +x "$work/bin/qemu-system-x86_64"
export STARTS=$work/starts
dies() { # TIMES [begun]
  rm -f "$STARTS"
  (ulimit -c 0; KVMRT_CACHE=$work/cache PATH=$work/bin:$PATH DEATHS=$1 BEGUN=${2:-} \
    "$scripts/testhost" --timeout 20 -- true 2>"$work/said")
  code=$?
  skip_on_77 $code "$(cat "$work/said")"
  said=$(cat "$work/said")
}
dies 1
equal 'a QEMU that died at boot is started once more' '5 2' "$code $(wc -l <"$STARTS")"
has 'that is told' "$said" 'QEMU itself died while the machine booted (qemu-system-x86_64: ../hw/pci/msix.c:209'
dies 2
equal 'and not twice' '125 2' "$code $(wc -l <"$STARTS")"
has 'which is told plainly' "$said" 'QEMU itself died again while the machine booted: qemu-system-x86_64'
dies 1 begun
equal 'nor when the command had begun' '125 1' "$code $(wc -l <"$STARTS")"
finish_checks
