#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# completion_test.sh KVMRT: what bash offers at a few places of the line.
set -uo pipefail
bin=$(dirname "$(readlink -f "$1")")
source_dir=$(readlink -f "$(dirname "$0")/../..")
export PATH="$bin:$PATH"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'name: line3\n---\nname: "line-4"\n' > "$scratch/a.yaml"
printf 'housekeeping: 0\n' > "$scratch/host.yaml"
cd "$scratch" || exit 1
# shellcheck source=/dev/null
. "$source_dir/scripts/completion/kvmrt"
failed=0

offers() { # WANTED WORDS…: the last word is the one that is being typed
  local wanted=$1
  shift
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _kvmrt
  local given
  given=$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')
  [ "${given% }" = "$wanted" ] && return
  echo "completion_test: '$*' offers '${given% }' instead of '$wanted'" >&2
  failed=1
}

offers "latency launch" kvmrt la
offers "--help" kvmrt --h
offers "validate-config validate-host" kvmrt val
offers "--detach --dry-run" kvmrt launch --d
offers "--threads" kvmrt-stat --t
offers "-w" kvmrt-stat -w
offers "auto kvm tcg" kvmrt-launch --accel ""
offers "line-4 line3" kvmrt-stat -f "$scratch" l
offers "line3" kvmrt show-config -f "$scratch/a.yaml" line3
offers "a.yaml" kvmrt-launch a
offers "" kvmrt-recover x
offers "line-4 line3" kvmrt-edit-config -f "$scratch" l
offers "" kvmrt-create x
offers "a.yaml" kvmrt create --disk a
offers "--suggest" cpu-topology --s
for link in "$bin"/kvmrt-*; do
  complete -p "${link##*/}" > /dev/null 2>&1 || { echo "completion_test: nothing for ${link##*/}" >&2; failed=1; }
done
[ "$failed" -eq 0 ] && echo "completion_test: as wanted"
exit "$failed"
