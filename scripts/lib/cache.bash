# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts that boot machines share: messages, the cache folder, and
# Debian kernels unpacked into it. Nothing is ever installed on this machine.
# Source it after setting `prog`, the name that messages start with.

readonly kCannotBeHad=77 # the exit code that ctest reads as "skipped"

say() { printf '%s: %s\n' "${prog:-kvmrt}" "$*" >&2; }
die() { # die CODE MESSAGE…
  local code=$1
  shift
  say "$@"
  exit "$code"
}

cache_dir() { printf '%s\n' "${KVMRT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kvmrt}"; }

# need PROGRAM=PACKAGE…: every program is there, else one line that installs all
# that are missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]} == 0)) && return
  die $kCannotBeHad "missing here: ${missing[*]}; install with: apt-get install -y ${missing[*]}"
}

# The kernels that we know: label, Debian suite, package that names the newest.
kernel_table() {
  cat <<'TABLE'
6.1-rt     bookworm            linux-image-rt-amd64
6.1        bookworm            linux-image-amd64
6.12-rt    bookworm-backports  linux-image-rt-amd64
6.12       bookworm-backports  linux-image-amd64
6.1-cloud  bookworm            linux-image-cloud-amd64
TABLE
}

kernel_row() { kernel_table | awk -v label="$1" '$1 == label {print $2, $3}'; }

# The Debian archive that this machine's own apt uses. The security archive lies
# elsewhere on its host and has no backports.
debian_archive() {
  # shellcheck disable=SC2016 # apt's own variables, not ours
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk '$2 !~ /[-\/]/ && $1 ~ /debian\/?$/ {print $1; exit}'
}

# apt_for SUITE: sets `apt_options` so that apt reads that suite alone and keeps
# all it writes in the cache, which needs no root and leaves the machine's lists be.
apt_for() {
  local suite=$1 home archive keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  home=$(cache_dir)/apt/$suite
  mkdir -p "$home/lists/partial" "$home/cache/archives/partial"
  archive=$(debian_archive)
  [[ $archive ]] ||
    die $kCannotBeHad "no Debian archive among this machine's apt sources, so no $suite packages"
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$archive" "$suite"
    # Where apt trusts the archive's keys for every source it needs no telling, and
    # a mirror that signs by itself has its key there.
    if ! compgen -G '/etc/apt/trusted.gpg.d/debian-archive-*' >/dev/null && [[ -e $keyring ]]; then
      printf 'Signed-By: %s\n' "$keyring"
    fi
  } >"$home/debian.sources"
  # Without Error-Mode apt takes a suite that it cannot read for a warning.
  apt_options=(-qq
    -o "Dir::Etc::sourcelist=$home/debian.sources" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$home/lists" -o "Dir::Cache=$home/cache"
    -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root -o Acquire::Retries=2)
}

# newest_package SUITE META: the package that META depends on, after reading the
# archive's lists anew.
newest_package() {
  local errors
  apt_for "$1"
  errors=$(apt-get "${apt_options[@]}" update 2>&1) ||
    { say "$errors"; die $kCannotBeHad "the suite $1 cannot be had from this machine's Debian archive"; }
  apt-cache "${apt_options[@]}" depends "$2" 2>/dev/null |
    awk '$1 == "Depends:" && $2 ~ /^linux-image-/ {print $2; exit}'
}

# fetch_kernel LABEL [refresh]: makes CACHE/kernels/LABEL with vmlinuz, vmlinux,
# release and modules/RELEASE, and prints that folder. A kernel that is there is taken as
# it is, without the network; "refresh" asks the archive for a newer one.
fetch_kernel() {
  local label=$1 refresh=${2:-} root suite meta package
  root=$(cache_dir)/kernels
  mkdir -p "$root"
  exec 9>"$root/lock"
  flock 9
  if [[ ! -e $root/$label/release || $refresh ]]; then
    read -r suite meta < <(kernel_row "$label") || die 2 "no kernel '$label'"
    need apt-get=apt dpkg-deb=dpkg busybox=busybox-static
    package=$(newest_package "$suite" "$meta") || exit
    [[ $package ]] || die $kCannotBeHad "$suite has no $meta"
    [[ $(cat "$root/$label/package" 2>/dev/null) == "$package" ]] ||
      unpack_kernel "$suite" "$package" "$root/$label"
  fi
  # kmod reads its own index, which busybox does not write; it may have come later.
  if command -v depmod >/dev/null && ! compgen -G "$root/$label/modules/*/modules.dep.bin" >/dev/null; then
    index_modules "$root/$label/modules" "$(cat "$root/$label/release")"
  fi
  exec 9>&-
  printf '%s\n' "$root/$label"
}

unpack_kernel() { # SUITE PACKAGE FOLDER
  local work=$3.new release
  say "fetching $2"
  rm -rf "$work"
  mkdir -p "$work"
  apt_for "$1"
  (cd "$work" && apt-get "${apt_options[@]}" download "$2" >&2) ||
    die $kCannotBeHad "$2 cannot be downloaded"
  dpkg-deb -x "$work"/*.deb "$work/root"
  release=$(basename "$work"/root/boot/vmlinuz-*)
  release=${release#vmlinuz-}
  mv "$work/root/boot/vmlinuz-$release" "$work/vmlinuz"
  extract_vmlinux "$work/vmlinuz" "$work/vmlinux"
  # A merged-/usr package keeps them below /usr.
  if [[ -d $work/root/lib/modules ]]; then
    mv "$work/root/lib/modules" "$work/modules"
  else
    mv "$work/root/usr/lib/modules" "$work/modules"
  fi
  rm -rf "$work/root" "$work"/*.deb
  index_modules "$work/modules" "$release"
  printf '%s\n' "$2" >"$work/package"
  printf '%s\n' "$release" >"$work/release"
  rm -rf "$3"
  mv "$work" "$3"
}

# A kernel that need not unpack itself under emulation starts 3 s sooner: QEMU
# boots the ELF file by its PVH entry. Without one the packed kernel serves.
extract_vmlinux() { # VMLINUZ VMLINUX
  local unpack magic offset
  while IFS=$'\t' read -r unpack magic; do
    while read -r offset; do
      # The payload is followed by other bytes, which unpackers complain of.
      # shellcheck disable=SC2086 # a command and its options
      tail -c +$((offset + 1)) "$1" | $unpack >"$2" 2>/dev/null || true
      [[ $(head -c 4 "$2") != $'\x7fELF' ]] || return 0
    done < <(LC_ALL=C grep -abom 4 -P "$magic" "$1" | LC_ALL=C cut -d: -f1)
  done <<'TABLE'
xz -dc --single-stream	\xfd7zXZ\x00
zstd -qdc	\x28\xb5\x2f\xfd
lz4 -qdc	\x02\x21\x4c\x18
gzip -qdc	\x1f\x8b\x08
TABLE
  cp "$1" "$2"
}

# depmod wants lib/modules below its base; the package's postinst would run it.
index_modules() { # MODULES RELEASE
  local base
  base=$(mktemp -d)
  mkdir -p "$base/lib"
  ln -s "$(realpath "$1")" "$base/lib/modules"
  if command -v depmod >/dev/null; then
    depmod -b "$base" "$2"
  else
    busybox depmod -b "$base" "$2"
  fi
  rm -rf "$base"
}

# module_files MODULES/RELEASE NAME…: the files to load, in order, dependencies
# first, each once. A module that this kernel has built in or lacks is left out.
module_files() {
  local folder=$1
  shift
  awk -v wanted="$*" -v folder="$folder" '
    function named(path) {
      sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path)
      return path
    }
    function load(path,   i, n, parts) {
      if (path in done) return
      done[path] = 1
      n = split(needs[path], parts, " ")
      for (i = n; i >= 1; --i) load(parts[i])
      print folder "/" path
    }
    { path = $1; sub(/:$/, "", path); $1 = ""; needs[path] = $0; file[named(path)] = path }
    END {
      n = split(wanted, names, " ")
      for (i = 1; i <= n; ++i) if (named(names[i]) in file) load(file[named(names[i])])
    }' "$folder/modules.dep"
}
