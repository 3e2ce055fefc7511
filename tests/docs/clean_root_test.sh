#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# clean_root_test.sh BUILD: the package on a Debian 12 that has nothing else: its dependencies are
# enough, all that belongs to it is there and works, and purging it leaves nothing. Some minutes.
set -euo pipefail
build=$(readlink -f "$1")
prog=clean_root_test
here=$(readlink -f "$(dirname "$0")")
# shellcheck source=../../scripts/lib/cache.bash
source "$here/../../scripts/lib/cache.bash"
[ "$(id -u)" -eq 0 ] || { echo "making a Debian system needs root"; exit 77; }
need mmdebstrap=mmdebstrap dpkg-shlibdeps=dpkg-dev
archive=$(debian_archive)
[ -n "$archive" ] || { echo "no Debian archive among this machine's apt sources"; exit 77; }
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}" clean-root.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
failed=0
complain() { say "$*"; failed=1; }
inside() { chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
has() { [ -e "$work/root/$1" ] || complain "there is no /$1"; }
# Without what every installation of any package writes.
files() {
  (cd "$work/root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/apt \
    -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp \
    -o -path ./run \) -prune -o -print | sort)
}

(cd "$build" && umask 022 && cpack -G DEB -B "$work/package") > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
deb=$(ls "$work"/package/kvmrt_*.deb)
say "a Debian with the package's dependencies and no more"
mmdebstrap --mode=root --variant=apt --quiet --aptopt='APT::Install-Recommends "false"' \
  --include="systemd,man-db" \
  --customize-hook="chroot \"\$1\" apt-get satisfy -y -qq --no-install-recommends '$(dpkg-deb -f "$deb" Depends)'" \
  bookworm "$work/root" "$archive" > "$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
mkdir -p "$work/root/tmp"
cp "$deb" "$work/root/tmp/kvmrt.deb"
files > "$work/before"

inside dpkg -i /tmp/kvmrt.deb > "$work/log" 2>&1 || { cat "$work/log"; complain "dpkg -i failed"; }
inside dpkg -s kvmrt | grep -q '^Status: install ok installed' || complain "it is not configured"
commands=$(inside kvmrt --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ "$(wc -w <<< "$commands")" -ge 15 ] || complain "it has few commands: $commands"
for command in $commands; do
  inside "kvmrt-$command" --help > /dev/null || complain "kvmrt-$command does not run"
  inside man -w "kvmrt-$command" > /dev/null || complain "no manual page of kvmrt-$command"
  has "usr/share/bash-completion/completions/kvmrt-$command"
done
for page in "5 kvmrt.yaml" "7 kvmrt"; do
  # shellcheck disable=SC2086 # section and name
  inside man -w $page > /dev/null || complain "no manual page $page"
done
for path in usr/bin/cpu-topology usr/lib/tmpfiles.d/kvmrt.conf usr/share/kvmrt/profile.schema.json \
  usr/share/kvmrt/host.schema.json usr/share/doc/kvmrt/guide.md etc/kvmrt; do
  has "$path"
done
# Each example is fit for a machine that is large enough for it.
for example in "$work"/root/usr/share/doc/kvmrt/examples/*.yaml; do
  name=${example##*/}
  inside kvmrt-show-config -f "/usr/share/doc/kvmrt/examples/$name" --input 'pack:1 [numa] core:8 pu:1' \
    > "$work/log" 2>&1 || { cat "$work/log"; complain "the example $name is not fit"; }
done
for unit in kvmrt@line3.service kvmrt.target kvmrt-recover.service kvmrt-siblings.service; do
  said=$(inside systemd-analyze verify --man=yes --recursive-errors=no "$unit" 2>&1) || complain "$unit: $said"
  case "$said" in *kvmrt*) complain "$unit: $said" ;; esac
done
echo 'name: line3' > "$work/root/etc/kvmrt/line3.yaml"
inside kvmrt-sync-config > "$work/log" 2>&1 || { cat "$work/log"; complain "kvmrt-sync-config failed"; }
has etc/systemd/system/kvmrt.target.wants
inside systemctl enable -q kvmrt.target kvmrt-recover.service || complain "the target cannot be enabled"

inside dpkg -r kvmrt > "$work/log" 2>&1 || { cat "$work/log"; complain "dpkg -r failed"; }
has etc/kvmrt/line3.yaml # the administrator's
rm -f "$work/root/etc/kvmrt/line3.yaml"
inside dpkg -P kvmrt > "$work/log" 2>&1 || { cat "$work/log"; complain "dpkg -P failed"; }
files > "$work/after"
diff "$work/before" "$work/after" || complain "purging leaves or takes the above"
[ "$failed" -eq 0 ] && say "installed with $(wc -w <<< "$commands") commands, used, purged: nothing is left"
exit "$failed"
