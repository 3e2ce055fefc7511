#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR disable=SC2154
# siblings_unit_test.sh: the shipped unit kvmrt-siblings.service, under a live systemd on a host with
# siblings (0,1) (2,3).
set -uo pipefail
# shellcheck source=../testhost/checks.bash
source "$(dirname "$0")/../testhost/checks.bash"

# shellcheck disable=SC2317 # runs in the machine
inside() {
  local unit=kvmrt-siblings.service
  online() { cat /sys/devices/system/cpu/online; }
  cp "$1"/scripts/systemd/kvmrt-{siblings,recover}.service /etc/systemd/system/
  ln -sf "$2"/kvmrt-{siblings,recover} /usr/bin/
  systemctl daemon-reload
  systemctl enable "$unit" 2>/dev/null
  echo "wanted $(systemctl is-enabled "$unit")"
  systemctl start "$unit"
  echo "no-host-file $(systemctl show -P ConditionResult "$unit") $(online)"
  mkdir -p /etc/kvmrt
  echo 'siblings: at-boot' >/etc/kvmrt/host.yaml
  printf 'name: a\nrt: true\ncpuset: 2\nmemory: 32MiB\nrealtime: {emulator_cpuset: housekeeping}\n' \
    >/etc/kvmrt/a.yaml
  systemctl start "$unit"
  echo "started $(systemctl is-active "$unit") $(systemctl show -P Result "$unit") $(online)"
  echo "recover $(systemctl is-active kvmrt-recover.service)"
  echo "said $(journalctl -u "$unit" -o cat | grep 'held offline')"
  kvmrt-siblings --release >/dev/null
  echo "released $(online)"
  sed -i 's/cpuset: 2/cpuset: 99/' /etc/kvmrt/a.yaml
  systemctl restart "$unit" 2>/dev/null
  echo "refused $(systemctl is-failed "$unit") $(systemctl show -P ExecMainStatus "$unit") $(online)"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # expanded inside
found=$("$scripts/testhost" --shape small-no-isolcpus --systemd --timeout 600 \
  bash -c "$(declare -f inside); inside \"\$@\"" bash "$repository" "$KVMRT_BIN" 2>"$work/stderr")
code=$?
skip_on_77 $code "$(cat "$work/stderr")"
equal 'exit code' 0 $code
line() { grep "^$1 " <<<"$found" | cut -d ' ' -f 2-; }
equal 'it can be enabled' enabled "$(line wanted)"
equal 'without a host file nothing is done' 'no 0-3' "$(line no-host-file)"
equal 'siblings: at-boot takes them offline' 'active success 0-2' "$(line started)"
equal 'after what an earlier life left' active "$(line recover)"
equal 'which is in the journal' 'siblings held offline: 3' "$(line said)"
equal 'they come back' 0-3 "$(line released)"
equal 'profiles with errors change nothing' 'failed 3 0-3' "$(line refused)"
((failures == 0)) || cat "$work/stderr"
finish_checks
