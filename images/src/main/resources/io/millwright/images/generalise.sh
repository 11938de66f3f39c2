#!/bin/sh
# Made by Millwright: takes off an installed system what is one machine's own, so that its disk can be what others start
# as. Runs as the last script of the first boot, and can be run again.
set -eu

# What is still writing down how this machine came to be is waited for.
if command -v cloud-init >/dev/null; then
  timeout 600 cloud-init status --wait >/dev/null 2>&1 || true
else
  echo "cloud-init is not in the system, so machines of this image could not be told who they are" >&2
  exit 1
fi

# The network, by whichever means the installer wrote it: cloud-init writes each machine's own.
rm -f /etc/systemd/network/10-millwright-* /etc/netplan/*.yaml /etc/udev/rules.d/70-millwright.rules
rm -f /etc/NetworkManager/system-connections/* /etc/sysconfig/network-scripts/ifcfg-e* /etc/sysconfig/network-scripts/ifcfg-bond*
if [ -e /etc/network/interfaces ]; then
  rm -f /etc/network/interfaces.d/*
  printf 'source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n' >/etc/network/interfaces
fi

# By what packages are fetched where it was installed; each machine's own first boot is told by what it fetches them.
rm -f /etc/apt/apt.conf.d/90millwright

# cloud-init: what it did, what it was told, and what the installer told it not to do.
rm -rf /var/lib/cloud /etc/cloud/cloud-init.disabled /etc/cloud/ds-identify.cfg
rm -f /etc/cloud/cloud.cfg.d/*millwright* /etc/cloud/cloud.cfg.d/*installer* /etc/cloud/cloud.cfg.d/*subiquity* \
  /etc/cloud/cloud.cfg.d/20-disable-cc-dpkg-grub.cfg /var/log/cloud-init*.log
cat >/etc/cloud/cloud.cfg.d/90-golden.cfg <<'CONF'
# Only the seed is looked for.
datasource_list: [ NoCloud, None ]
system_info:
  network:
    renderers: [ netplan, network-manager, sysconfig, networkd, eni ]
CONF
echo 'policy: enabled' >/etc/cloud/ds-identify.cfg

# Who it is. The empty file has the next boot make a new one.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
rm -f /var/lib/systemd/random-seed /var/lib/NetworkManager/secret_key /var/lib/NetworkManager/*.lease
rm -f /var/lib/dhcp/*.leases /var/lib/dhcpcd/*.lease
echo localhost >/etc/hostname
sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts

# Logs of its installation, which hold its name and addresses, and answers that its installer kept. Those that a program
# writes to are emptied, not removed; the journal would come back, so from here on it is kept in memory only.
rm -rf /var/log/installer /var/log/anaconda /root/anaconda-ks.cfg /root/original-ks.cfg /var/lib/millwright/after
journalctl --relinquish-var 2>/dev/null || true
rm -rf /var/log/journal/*
find /var/log -xdev -type f -exec truncate -s 0 {} +

# What starts the first boot in a system without a seed; in machines of the image the seed does.
systemctl disable --quiet millwright-first-boot.service 2>/dev/null || true
rm -f /etc/systemd/system/millwright-first-boot.service

# Even what is taken off stays in the disk's blocks, unless they are given back.
fstrim -a 2>/dev/null || true

# The program that runs this removes itself once it has reported; then all else goes that it kept, its word that it is
# done included, by which machines of the image would have no first boot. Even if the machine goes down meanwhile.
systemd-run --quiet --no-block --collect --unit=millwright-forget /bin/sh -c \
  'trap "" TERM; while [ -e /var/lib/millwright/first-boot/run ]; do sleep 1; done; rm -rf /var/lib/millwright; sync'
sync
