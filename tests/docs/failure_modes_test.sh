#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every test that docs/failure-modes.md names exists.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
failed=0
count=0
while read -r name; do
  count=$((count + 1))
  case "$name" in
    test_*) grep -rqE "def $name\b" tests --include='*.py' ;;
    tests/* | scripts/*) [ -e "$name" ] ;;
    *) grep -rqE "TEST(_F|_P)?\(${name%.*}, *${name#*.}\)" tests --include='*_test.cc' ;;
  esac || { echo "failure_modes_test: there is no $name" >&2; failed=1; }
done < <(sed -n 's/^|.*|\(.*\)|$/\1/p' docs/failure-modes.md | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
[ "$count" -ge 36 ] || { echo "failure_modes_test: only $count tests are named" >&2; failed=1; }
[ "$failed" -eq 0 ] && echo "failure_modes_test: all $count tests exist"
exit "$failed"
