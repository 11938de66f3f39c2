#!/bin/bash
# Finds the disk to install on. Exactly one, or nothing is installed.
set -euo pipefail
umask 077
die() { echo "millwright: $*" >&2; exit 1; }
only() { [ "$(wc -w <<< "$2")" = 1 ] || die "one disk $1 is needed, found: ${2:-none}"; echo $2; }
unused() { while read -r d; do lsblk -nro MOUNTPOINT "$d" | grep -q . || echo "$d"; done; }
by_serial() {
  only "with the serial $1" "$(lsblk -dnpro NAME,TYPE,SERIAL |
    awk -v s="$1" '$2 == "disk" && $3 == s { print $1 }')"
}
by_path() { [ -b "$1" ] || die "$1 is no disk"; readlink -f "$1"; }
by_size() {
  only "of $1 to $2 bytes" "$(lsblk -dnpbro NAME,TYPE,SIZE,SERIAL |
    awk -v lo="$1" -v hi="$2" -v skip=" $3 " '$1 !~ /zram/ && $2 == "disk" && $3 >= lo &&
      $3 <= hi && ($4 == "" || !index(skip, " " $4 " ")) { print $1 }' | unused)"
}
