#!/usr/bin/env bash
# Builds a golden Debian disk: a qcow2 with cloud-init and openssh that boots by BIOS and by UEFI, tuned so that a
# clone of it is soon ready, in software emulation too. Needs root (for a chroot) and no loop device and no mount on
# the machine: the file system is made from a directory, the boot loaders are written into the image file.
#
#   build-debian.sh --suite bookworm --out FILE.qcow2 --work DIR [--size-mib 3072] [--package P]...
#
# Standard output carries `PROGRESS <0-100> <text>` lines among the log. A failure ends with `ERROR <text>` on
# standard error. The image appears under its name only when it is whole, and the work directory is gone on every exit.
# shellcheck disable=SC2016   # single-quoted scripts are expanded by the shell they are handed to
set -euo pipefail

progress() { printf 'PROGRESS %s %s\n' "$1" "$2"; }
fail() { ERROR_TEXT=$*; exit 1; }

SUITE='' OUT='' WORK='' SIZE_MIB=3072 PACKAGES=() ERROR_TEXT='' SCRATCH='' PART='' CHILD=''

# ------------------------------------------------------------------------------------------------------- how it ends

run() { # Runs a long command so that a signal to us reaches it at once: bash acts on signals only between commands.
  "$@" & CHILD=$!
  local code=0; wait "$CHILD" || code=$?
  CHILD=''
  return $code
}

finish() {
  local code=$?
  trap '' TERM INT HUP
  trap - EXIT ERR
  if [[ -n $CHILD ]]; then kill -TERM "$CHILD" 2>/dev/null || true; wait "$CHILD" 2>/dev/null || true; fi
  [[ -z $PART ]] || rm -f "$PART"
  if [[ -n $SCRATCH ]]; then rm -rf --one-file-system "$SCRATCH"; rmdir --ignore-fail-on-non-empty "$WORK" 2>/dev/null || true; fi
  if ((code)); then ERROR_TEXT=${ERROR_TEXT:-the build failed with exit code $code}; printf 'ERROR %s\n' "${ERROR_TEXT//$'\n'/ }" >&2; fi
  exit "$code"
}
trap finish EXIT
trap 'ERROR_TEXT="ended by a signal"; exit 143' TERM INT HUP
trap 'ERROR_TEXT=${ERROR_TEXT:-line $LINENO failed: ${BASH_COMMAND//$'"'\\\\n'"'/ }}' ERR
set -E

# --------------------------------------------------------------------------------------------------------- arguments

while (($#)); do
  case $1 in
    --suite | --out | --work | --size-mib | --package) (($# >= 2)) || fail "$1 needs a value" ;;
    *) fail "unknown argument $1" ;;
  esac
  case $1 in
    --suite) SUITE=$2 ;;
    --out) OUT=$2 ;;
    --work) WORK=$2 ;;
    --size-mib) SIZE_MIB=$2 ;;
    --package) PACKAGES+=("$2") ;;
  esac
  shift 2
done
[[ $SUITE =~ ^[a-z]+$ ]] || fail "--suite: a release's code name, such as bookworm"
[[ -n $OUT ]] || fail "--out is missing"
[[ -n $WORK ]] || fail "--work is missing"
[[ $SIZE_MIB =~ ^[0-9]{1,7}$ && $SIZE_MIB -ge 2048 ]] || fail "--size-mib: 2048 or more"
for package in "${PACKAGES[@]}"; do
  [[ $package =~ ^[a-z0-9][a-z0-9+.-]+$ ]] || fail "--package: '$package' is not a Debian package's name"
done
((EUID == 0)) || fail "needs root, for the chroot in which packages are configured"
for tool in mmdebstrap unshare sfdisk mke2fs grub-mkimage mformat mmd mcopy qemu-img; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
for file in /usr/lib/grub/i386-pc/boot.img /usr/lib/grub/x86_64-efi/modinfo.sh; do
  [[ -e $file ]] || fail "$file is missing: grub-pc-bin and grub-efi-amd64-bin are needed"
done

OUT=$(realpath -m "$OUT") WORK=$(realpath -m "$WORK")
mkdir -p "$WORK" "$(dirname "$OUT")"
SCRATCH=$(mktemp -d "$WORK/golden.XXXXXX")
PART=$OUT.part.$$
ROOT=$SCRATCH/root RAW=$SCRATCH/disk.raw
mkdir "$SCRATCH/tmp"
export TMPDIR=$SCRATCH/tmp LC_ALL=C.UTF-8

# ------------------------------------------------------------------------------------------------------- apt sources

# The machine's own Debian archive entries, one "uri suite components" a line. A third party's repository has no place
# in a golden image: an entry counts only if it carries `main` and its address ends as Debian's archives do.
archive_entries() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -e $file ]] || continue
    sed -En 's/#.*//; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+)[[:space:]]+(.*)$/\2 \3 \4/p' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -e $file ]] || continue
    awk '
      function flush(   u, s, nu, ns, i, j) {
        if (f["types"] ~ /(^| )deb( |$)/ && tolower(f["enabled"]) !~ /^(no|false|0)$/) {
          nu = split(f["uris"], u, " "); ns = split(f["suites"], s, " ")
          for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) print u[i], s[j], f["components"]
        }
        delete f
      }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      /^[ \t]/ { f[key] = f[key] " " $0; next }
      { key = tolower(substr($0, 1, index($0, ":") - 1)); value = substr($0, index($0, ":") + 1); gsub(/^[ \t]+|[ \t\r]+$/, "", value); f[key] = value }
      END { flush() }' "$file"
  done
}

# Of those, the ones of the wanted release and its updates. If the machine is of another release, its own entries,
# turned to the wanted one: the same archives carry every supported release.
sources_for() { # suite
  local own uri suite components wanted
  # shellcheck source=/dev/null
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  for wanted in "$1" "$own"; do
    [[ -n $wanted ]] || continue
    archive_entries | while read -r uri suite components; do
      [[ " $components " == *" main "* && $suite =~ ^$wanted(-updates|-security)?$ ]] || continue
      [[ $uri =~ /debian(-security)?(/[0-9TZ]+)?/?$ || $uri =~ ^mirror\+file:.*/debian(-security)?\.list$ ]] || continue
      printf 'deb %s %s main\n' "$uri" "$1${suite#"$wanted"}"
    done | sort -u >"$SCRATCH/sources.list"
    if grep -q " $1 main$" "$SCRATCH/sources.list"; then return 0; fi
  done
  fail "this machine's apt sources name no Debian archive of $1"
}
sources_for "$SUITE"
progress 1 "packages come from $(awk '{print $2}' "$SCRATCH/sources.list" | sort -u | paste -sd' ')"

# ------------------------------------------------------------------------------------------------- what is configured

# Files that are laid over the packages' own, in a directory that is copied into the root as it is.
OVERLAY=$SCRATCH/overlay
put() { mkdir -p "$(dirname "$OVERLAY/$1")"; cat >"$OVERLAY/$1"; chmod "${2:-644}" "$OVERLAY/$1"; }

ROOT_UUID=$(cat /proc/sys/kernel/random/uuid)
# With the CD drive's: loading a module ends when its disks are there, so cloud-init, which starts before udev has gone
# through the devices, finds its seed.
DISK_MODULES=(virtio_pci virtio_blk virtio_scsi sd_mod ahci nvme sr_mod isofs ext4)

# The initrd: where the release has it, one static program that loads these modules and mounts the root. The usual one
# brings a shell and a udev of its own, and takes seconds in emulation for what comes to the same.
if [[ $SUITE == bookworm ]]; then
  INITRD_PACKAGE=tiny-initramfs
  put etc/tiny-initramfs/tiny-initramfs.conf <<CONF
AUTO_MODULES=no
MICROCODE=no
INCLUDE_MODULES="$(IFS=,; echo "${DISK_MODULES[*]}")"
CONF
else
  INITRD_PACKAGE=initramfs-tools
  PACKAGES+=(systemd-repart)      # a package of its own after bookworm
  put etc/initramfs-tools/conf.d/golden <<<'MODULES=list'
  printf '%s\n' "${DISK_MODULES[@]}" | put etc/initramfs-tools/modules
fi

put etc/fstab <<CONF
UUID=$ROOT_UUID / ext4 defaults,noatime,discard,x-systemd.growfs 0 0
CONF
# The root partition takes what room the clone's disk has, before anything else runs.
put etc/repart.d/50-root.conf <<'CONF'
[Partition]
Type=root
CONF

put etc/cloud/cloud.cfg.d/90_golden.cfg <<'CONF'
# Only the seed is looked for: probing for the clouds' metadata services costs a first boot many seconds.
datasource_list: [ NoCloud, None ]
system_info:
  network:
    renderers: [ netplan, networkd ]
# systemd-repart and systemd-growfs have grown the root by now.
growpart: { mode: "off" }
resize_rootfs: false
ssh_genkeytypes: [ ed25519 ]
# The image has C.UTF-8; a locale of the user's choice is still made on demand.
locale: false
# Without the modules that have nothing to work on here: each one is imported and run on every first boot.
cloud_init_modules: [ seed_random, bootcmd, write-files, disk_setup, mounts, set_hostname, update_hostname,
  update_etc_hosts, ca-certs, users-groups, ssh ]
cloud_config_modules: [ ssh-import-id, keyboard, locale, set-passwords, apt-configure, ntp, timezone, runcmd ]
cloud_final_modules: [ package-update-upgrade-install, write-files-deferred, scripts-vendor, scripts-per-once,
  scripts-per-boot, scripts-per-instance, scripts-user, phone-home, final-message, power-state-change ]
CONF
put etc/cloud/ds-identify.cfg <<<'policy: enabled'

# cloud-init asks netplan to generate and to say what it can; the netplan command takes seconds of Python in emulation
# to call the generator, which is a C program. The rest still goes to the command.
put usr/local/sbin/netplan 755 <<'CONF'
#!/bin/sh
for generator in /lib/netplan/generate /usr/libexec/netplan/generate; do
  [ "$*" = generate ] && [ -x "$generator" ] && exec "$generator"
done
exec /usr/sbin/netplan "$@"
CONF

# cloud-init runs four times in a boot, and each time most of its seconds in emulation go into importing the same
# modules. Here one process imports them and forks for each stage, when its unit asks. cloud-init does the like itself
# from 24.3 on, so this is for the release before it only.
if [[ $SUITE == bookworm ]]; then
  put usr/local/lib/golden/cloud-init-stages 755 <<'CONF'
#!/usr/bin/python3
import importlib
import os
import subprocess
import sys

PIPES = "/run/cloud-init-stages"
STAGES = [("local", ["init", "--local"]), ("network", ["init"]),
          ("config", ["modules", "--mode=config"]), ("final", ["modules", "--mode=final"])]

sys.argv = ["/usr/bin/cloud-init"]
os.environ.setdefault("TZ", ":/etc/localtime")
try:
    from cloudinit.cmd.main import main
except Exception:
    main = None  # then every stage starts as it would without us


def run(arguments):
    if main is None:
        return subprocess.call(["/usr/bin/cloud-init"] + arguments)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sys.argv += arguments
            code = main(sys.argv) or 0
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for stage, arguments in STAGES:
    with open(f"{PIPES}/{stage}.start") as start:
        start.read()
    code = run(arguments)
    with open(f"{PIPES}/{stage}.done", "w") as done:
        done.write(f"{code & 255}\n")
    os.unlink(f"{PIPES}/{stage}.start")
    if stage == "local" and main:  # while the network comes up
        for name in ("users_groups", "ssh", "set_passwords", "apt_configure", "runcmd", "scripts_user", "phone_home",
                     "final_message", "power_state_change", "package_update_upgrade_install", "mounts", "disk_setup"):
            try:
                importlib.import_module(f"cloudinit.config.cc_{name}")
            except Exception:
                pass  # the stage that needs it will say so
CONF
  # The unit's side. A stage that is run again later finds no pipe, and runs as ever.
  put usr/local/lib/golden/cloud-init-stage 755 <<'CONF'
#!/bin/sh
pipe=/run/cloud-init-stages/$1
shift
[ -p "$pipe.start" ] || exec /usr/bin/cloud-init "$@"
: >"$pipe.start"
read -r code <"$pipe.done"
exit "$code"
CONF
  put etc/systemd/system/cloud-init-stages.service <<'CONF'
[Unit]
Description=cloud-init's stages in one process
DefaultDependencies=no
After=systemd-remount-fs.service
Before=cloud-init-local.service shutdown.target
Conflicts=shutdown.target
RequiresMountsFor=/var/lib/cloud
[Service]
RuntimeDirectory=cloud-init-stages
ExecStartPre=/bin/sh -c 'for s in local network config final; do mkfifo /run/cloud-init-stages/$s.start /run/cloud-init-stages/$s.done; done'
ExecStart=/usr/local/lib/golden/cloud-init-stages
KillMode=process
TasksMax=infinity
StandardOutput=journal+console
CONF
  stage_unit() { # unit, stage, arguments
    put "etc/systemd/system/$1.service.d/golden.conf" <<CONF
[Unit]
Wants=cloud-init-stages.service
After=cloud-init-stages.service
[Service]
ExecStart=
ExecStart=/usr/local/lib/golden/cloud-init-stage $2 $3
CONF
  }
  stage_unit cloud-init-local local 'init --local'
  stage_unit cloud-init network init
  stage_unit cloud-config config 'modules --mode=config'
  stage_unit cloud-final final 'modules --mode=final'
fi

# One usable address is what "online" has to mean: with several NICs the default waits for the slowest.
put etc/systemd/system/systemd-networkd-wait-online.service.d/golden.conf <<'CONF'
[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --any --operational-state=routable --timeout=30
CONF
put etc/ssh/sshd_config.d/10-golden.conf <<'CONF'
HostKey /etc/ssh/ssh_host_ed25519_key
GSSAPIAuthentication no
CONF
put etc/default/locale <<<'LANG=C.UTF-8'
# cloud-init adds the machine's own name to what is there.
put etc/hosts <<'CONF'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
CONF

CMDLINE="root=UUID=$ROOT_UUID rw console=tty0 console=ttyS0,115200n8 quiet"
put boot/grub/grub.cfg <<CONF
# One kernel, by the links that its package keeps. No menu: the serial line would wait for nobody.
serial --unit=0 --speed=115200
terminal_output serial
search --fs-uuid --set=root $ROOT_UUID
linux /vmlinuz $CMDLINE
initrd /initrd.img
boot
CONF

# ------------------------------------------------------------------------------------------------------ the root tree

INCLUDE=(systemd-sysv udev dbus libpam-systemd- linux-image-cloud-amd64 "$INITRD_PACKAGE" zstd
  openssh-server cloud-init netplan.io systemd-resolved qemu-guest-agent sudo iproute2 e2fsprogs cloud-guest-utils
  xfsprogs                    # a Volume may be declared to have one
  locales systemd-timesyncd   # what a Profile's locale and ntp need
  fdisk ca-certificates python3 "${PACKAGES[@]}")
MASK=(apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service dpkg-db-backup.timer
  systemd-pstore.service
  # what has nothing to do in such a guest, and costs a tenth of a second or more each in emulation
  netplan-ovs-cleanup.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-network-generator.service
  systemd-pcrphase.service systemd-pcrphase-sysinit.service dev-hugepages.mount sys-kernel-debug.mount
  sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount modprobe@configfs.service
  modprobe@dm_mod.service modprobe@drm.service modprobe@fuse.service modprobe@loop.service systemd-update-utmp-runlevel.service)

report_stages() { # mmdebstrap's own milestones, as far along as they come
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
      'I: running apt-get update'*) progress 3 'reading package lists' ;;
      'I: downloading packages'*) progress 6 'downloading the base system' ;;
      'I: extracting archives'*) progress 15 'unpacking the base system' ;;
      'I: installing essential'*) progress 25 'configuring the base system' ;;
      'I: installing remaining'*) progress 35 'installing packages' ;;
      'I: running --customize-hook'*) progress 75 'configuring the image' ;;
      # the first error is the cause, those after it are its consequences
      'E: '*) [[ -e $SCRATCH/why ]] || printf '%s' "${line#E: }" >"$SCRATCH/why" ;;
    esac
  done
}

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
OPTIONS=()
[[ ! -e $KEYRING ]] || OPTIONS+=(--keyring="$KEYRING")
exec {LOG}> >(report_stages)
REPORTER=$!
# In namespaces of its own: when we end early, every process in the chroot ends with it and its mounts are gone.
run unshare --mount --pid --fork --kill-child --mount-proc \
  mmdebstrap --variant=minbase --mode=root --format=directory "${OPTIONS[@]}" \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
  --dpkgopt=force-unsafe-io --dpkgopt=path-exclude='/usr/share/man/*' --dpkgopt=path-exclude='/usr/share/locale/*' \
  --dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-include='/usr/share/doc/*/copyright' \
  --include="$(IFS=,; echo "${INCLUDE[*]}")" \
  --essential-hook='cp -a --no-preserve=ownership "'"$OVERLAY"'/." "$1/"' \
  --customize-hook='for unit in '"${MASK[*]}"'; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done' \
  --customize-hook='chroot "$1" systemctl enable systemd-networkd systemd-networkd-wait-online systemd-resolved' \
  --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/hostname" "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1"/etc/machine-id; : >"$1/etc/machine-id"; rm -f "$1/var/lib/dbus/machine-id"' \
  --customize-hook='ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"' \
  "$SUITE" "$ROOT" "$SCRATCH/sources.list" >&"$LOG" 2>&1 && MADE=1 || MADE=0
exec {LOG}>&-
wait "$REPORTER" || true
((MADE)) || fail "mmdebstrap could not make the $SUITE root: $(cut -c1-300 "$SCRATCH/why" 2>/dev/null)"
# A root without its kernel or initrd is an image that does not boot.
for link in vmlinuz initrd.img; do [[ -e $ROOT/$(readlink "$ROOT/$link") ]] || fail "the root has no /$link"; done

# ---------------------------------------------------------------------------------------------------------- the disk

progress 80 'making the disk'
BIOS_START=2048 BIOS_SIZE=6144 ESP_START=8192 ESP_SIZE=65536 ROOT_START=73728
truncate -s "${SIZE_MIB}M" "$RAW"
sfdisk -q "$RAW" <<CONF
label: gpt
first-lba: 2048
14 : start=$BIOS_START, size=$BIOS_SIZE, type=21686148-6449-6E6F-744E-656564454649
15 : start=$ESP_START, size=$ESP_SIZE, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
1 : start=$ROOT_START, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
CONF
ROOT_SIZE=$(sfdisk -d "$RAW" | sed -n "s/.*start= *$ROOT_START, size= *\([0-9]*\),.*/\1/p")
# Inode tables and journal are zeroed here, which costs nothing in a sparse file; lazily it would be the guest's work.
run mke2fs -q -t ext4 -L root -U "$ROOT_UUID" -O ^metadata_csum_seed,^orphan_file \
  -E "offset=$((ROOT_START * 512)),lazy_itable_init=0,lazy_journal_init=0,discard" -d "$ROOT" "$RAW" "$((ROOT_SIZE / 2))k"

progress 88 'writing the boot loaders'
cat >"$SCRATCH/early.cfg" <<CONF
search --fs-uuid --set=root $ROOT_UUID
configfile (\$root)/boot/grub/grub.cfg
CONF
GRUB_MODULES=(part_gpt ext2 search search_fs_uuid linux normal configfile serial terminal boot)
grub-mkimage -O x86_64-efi -o "$SCRATCH/bootx64.efi" -p /boot/grub -c "$SCRATCH/early.cfg" "${GRUB_MODULES[@]}" fat all_video
grub-mkimage -O i386-pc -o "$SCRATCH/core.img" -p /boot/grub -c "$SCRATCH/early.cfg" "${GRUB_MODULES[@]}" biosdisk
ESP=$RAW@@$((ESP_START * 512))
mformat -i "$ESP" -T "$ESP_SIZE" -h 64 -s 32 -v ESP ::
mmd -i "$ESP" ::/EFI ::/EFI/BOOT
mcopy -i "$ESP" "$SCRATCH/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

# What grub-bios-setup does, which would want a block device: the boot sector is told where the core image starts, the
# core image's first sector where the rest of it lies.
le() { # value, bytes: little-endian
  local i out=''
  for ((i = 0; i < $2; i++)); do out+=$(printf '\\x%02x' $((($1 >> (8 * i)) & 255))); done
  printf '%b' "$out"
}
poke() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; } # file, offset
CORE_SECTORS=$((($(stat -c %s "$SCRATCH/core.img") + 511) / 512))
((CORE_SECTORS <= BIOS_SIZE)) || fail "GRUB's core image does not fit its partition"
cp /usr/lib/grub/i386-pc/boot.img "$SCRATCH/boot.img"
le $BIOS_START 8 | poke "$SCRATCH/boot.img" $((0x5c))
printf '\x90\x90' | poke "$SCRATCH/boot.img" $((0x66))
{ le $((BIOS_START + 1)) 8; le $((CORE_SECTORS - 1)) 2; le $((0x820)) 2; } | poke "$SCRATCH/core.img" $((0x1f4))
dd if="$SCRATCH/boot.img" of="$RAW" bs=440 count=1 conv=notrunc status=none
dd if="$SCRATCH/core.img" of="$RAW" bs=512 seek=$BIOS_START conv=notrunc status=none

progress 92 'writing the qcow2'
run qemu-img convert -f raw -O qcow2 "$RAW" "$PART"
sync -d "$PART"
mv "$PART" "$OUT"
progress 100 "$(basename "$OUT") is $(($(stat -c %b "$OUT") / 2048)) MiB"
