# Makes file systems on blank data disks, mounts those that have a place, and lets them grow with their disks.
# Arguments, three for each disk: its serial, the type, where to mount it or "-".
# A disk is formatted only if nothing at all is found on it, and never a second time by this system.
: "${DEVICES:=/dev/disk/by-id/virtio-}" "${NAMES:=/dev/disk/by-id/wwn-0x6000c29}" "${FSTAB:=/etc/fstab}" "${PATIENCE:=0}" "${DONE:=/var/lib/millwright/volumes}"
failed=0
complain() { echo "millwright: volume $serial: $*" >&2; failed=1; }

readable() { [ "$(head -c 1048576 "$device" 2>/dev/null | wc -c)" -eq 1048576 ]; }

blank() {
  # Data that blkid does not know begin somewhere in the first MiB. Its zeros are counted: of what cannot be read there are
  # none, of others either.
  [ "$(head -c 1048576 "$device" 2>/dev/null | tr -dc '\000' | wc -c)" -eq 1048576 ] || return 1
  blkid -p "$device" >/dev/null 2>&1
  # 2: no signature of anything, or it could not be read; 0 is a known one, 8 are several, and whatever else is no proof.
  [ $? -eq 2 ] || return 1
  # It could be before blkid looked, and still can.
  readable
}

if command -v udevadm >/dev/null 2>&1; then udevadm settle --timeout=30 || :; fi
mkdir -p "$DONE"
# A server that has died may have begun this, too.
if command -v flock >/dev/null 2>&1; then exec 9>"$DONE/.lock"; flock 9; fi
while [ $# -ge 3 ]; do
  serial=$1 type=$2 place=$3
  shift 3
  device=$DEVICES$serial
  # A bus without serials has world wide names, and this one is made of the serial.
  named=$NAMES$(printf %s "$serial" | sha256sum | cut -c1-25)
  # One that has just been plugged in shows up a moment later.
  tries=$PATIENCE
  while ! [ -e "$device" ] && ! [ -e "$named" ] && [ "$tries" -gt 0 ]; do sleep 1; tries=$((tries - 1)); done
  if ! [ -e "$device" ] && [ -e "$named" ]; then device=$named; fi
  if ! [ -e "$device" ]; then complain "there is no $device"; continue; fi
  found=kept
  if ! [ -e "$DONE/$serial" ]; then
    # Without a note that it was done: once it can be read, it may turn out blank.
    if ! readable; then complain "cannot be read"; continue; fi
    if blank; then
      if ! command -v "mkfs.$type" >/dev/null 2>&1; then
        complain "its image has no mkfs.$type to make its file system with"
        continue
      fi
      if ! "mkfs.$type" -q "$device" </dev/null 9>&-; then complain "mkfs.$type failed"; continue; fi
      found=formatted
    fi
    echo "$found" >"$DONE/$serial"
  fi
  # What was found now: of what it found before, its note tells.
  echo "millwright: volume $serial: $found"
  [ "$place" != - ] || continue
  if [ -z "$(blkid -p -o value -s TYPE "$device" 2>/dev/null)" ]; then
    complain "holds no file system, and is not blank either"
    continue
  fi
  mkdir -p "$place"
  if ! awk -v p="$place" '$2 == p { found = 1 } END { exit !found }' "$FSTAB" 2>/dev/null; then
    echo "$device $place auto nofail,x-systemd.device-timeout=30s 0 2" >>"$FSTAB"
  fi
  if ! mountpoint -q "$place" && ! mount "$place"; then complain "cannot be mounted at $place"; continue; fi
  # The volume may have grown; where it has not, these do nothing. A system without the tools can use it all the same.
  case $(findmnt -nro FSTYPE --mountpoint "$place" 2>/dev/null) in
    ext4) resize2fs "$device" 9>&- ;;
    xfs) xfs_growfs "$place" 9>&- ;;
  esac >/dev/null 2>&1 || echo "millwright: volume $serial: its file system could not be given all its room" >&2
done
exit $failed
