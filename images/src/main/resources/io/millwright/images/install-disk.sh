#!/bin/bash
# Finds the disk to install on. Exactly one, or nothing is installed.
set -euo pipefail
umask 077
die() { echo "millwright: $*" >&2; exit 1; }
serials() { # DISK; those of the disks, too, that an array or several paths are made of
  lsblk -snro SERIAL "$1"
  for part in $(lsblk -snpro NAME "$1"); do
    udevadm info -q property -n "$part" |
      sed -n 's/^ID_SERIAL_SHORT=//p; s/^ID_SCSI_SERIAL=//p; s/^ID_SERIAL=//p; s/^ID_WWN=//p; s/^ID_WWN_WITH_EXTENSION=//p'
  done
}
has() { # DISK, and serials of which it may have one
  all=$(serials "$1") || die "the serial of $1 is not known"
  for serial in $2; do
    if grep -qxF -e "$serial" <<< "$all"; then return 0; fi
  done
  return 1
}
one() { # DISKS SERIALS WHICH
  [ "$(wc -w <<< "$1")" = 1 ] || die "one disk $3 is needed, found: ${1:-none}"
  one=$(echo $1)
  if [ -n "$2" ] && has "$one" "$2"; then die "$one is to be left alone"; fi
  echo "$one"
}
is_used() { [ -n "$(lsblk -nro MOUNTPOINT "$1" | tr -d '\n')" ]; }
by_serial() { # SERIAL SERIALS
  found=
  for disk in $(lsblk -dnpro NAME,TYPE | awk '$2 == "disk" { print $1 }'); do
    if has "$disk" "$1"; then found="$found $disk"; fi
  done
  one "$found" "$2" "with the serial $1"
}
by_path() { # PATH SERIALS
  found=$(readlink -f "$1") || die "$1 is not there"
  case $(lsblk -dnro TYPE "$found") in
    disk | mpath | raid*) ;;
    *) die "$1 is no disk" ;;
  esac
  one "$found" "$2" "at $1"
}
by_size() { # BYTES BYTES SERIALS
  found=
  for disk in $(lsblk -dnpbro NAME,TYPE,SIZE |
    awk -v lo="$1" -v hi="$2" '$1 !~ /zram/ && $2 == "disk" && $3 >= lo && $3 <= hi { print $1 }'); do
    if ! is_used "$disk" && { [ -z "$3" ] || ! has "$disk" "$3"; }; then found="$found $disk"; fi
  done
  one "$found" "" "of $1 to $2 bytes"
}
