#!/usr/bin/env bash
# A libvirtd that speaks TLS on loopback, and an sshd in front of another one: `remote-libvirt.sh tls|ssh DIR PORT`.
# The certificates and keys for the client are in DIR afterwards, and the daemon's process id in DIR/pid.
set -euo pipefail
WHAT=$1 DIR=$2 PORT=$3
mkdir -p "$DIR"
cd "$DIR"

certificate() { # name, what it is for
  openssl req -newkey rsa:2048 -nodes -keyout "$1key.pem" -subj "/CN=$1" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA cacert.pem -CAkey cakey.pem -CAcreateserial -days 2 -out "$1cert.pem" \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\nkeyUsage=digitalSignature,keyEncipherment\n' "$2") 2>/dev/null
}

if [[ $WHAT == ssh ]]; then
  ssh-keygen -q -t ed25519 -N '' -f hostkey
  ssh-keygen -q -t ed25519 -N '' -f key
  cp key.pub authorized
  printf '[127.0.0.1]:%s %s\n' "$PORT" "$(cut -d' ' -f1,2 hostkey.pub)" >known_hosts
  printf '#!/bin/sh\nexec ssh -o UserKnownHostsFile=%s/known_hosts -o BatchMode=yes "$@"\n' "$DIR" >ssh
  chmod 755 ssh
  mkdir -p /run/sshd
  cat >sshd.conf <<C
ListenAddress 127.0.0.1:$PORT
HostKey $DIR/hostkey
PidFile $DIR/pid
AuthorizedKeysFile $DIR/authorized
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
C
  /usr/sbin/sshd -f "$DIR/sshd.conf"
  until [[ -s pid ]]; do sleep 0.05; done
  exit
fi

openssl req -x509 -newkey rsa:2048 -nodes -keyout cakey.pem -subj /CN=ca -days 2 -out cacert.pem \
  -addext keyUsage=keyCertSign,cRLSign 2>/dev/null
certificate server serverAuth
certificate client clientAuth
mkdir -p etc lib run log cache pool
cat >libvirtd.conf <<C
listen_tls = 1
listen_tcp = 0
listen_addr = "127.0.0.1"
tls_port = "$PORT"
auth_tls = "none"
auth_unix_rw = "none"
unix_sock_dir = "/run/libvirt"
key_file = "$DIR/serverkey.pem"
cert_file = "$DIR/servercert.pem"
ca_file = "$DIR/cacert.pem"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
C
mkdir -p /etc/libvirt /var/lib/libvirt /run/libvirt /var/log/libvirt /var/cache/libvirt
printf 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n' >etc/qemu.conf
# libvirt's own paths are compiled in; see lab/lab, which does the same.
unshare -m bash -euc '
  for part in etc:/etc/libvirt lib:/var/lib/libvirt run:/run/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do
    mount --bind "$1/${part%%:*}" "${part#*:}"
  done
  if ! getent passwd libvirt-qemu >/dev/null; then
    for file in passwd group; do cp "/etc/$file" "$1/etc/$file"; done
    echo "libvirt-qemu:x:64055:64055:Libvirt Qemu:/nonexistent:/usr/sbin/nologin" >>"$1/etc/passwd"
    echo "libvirt-qemu:x:64055:" >>"$1/etc/group"
    for file in passwd group; do mount --bind "$1/etc/$file" "/etc/$file"; done
  fi
  exec libvirtd -l -d -f "$1/libvirtd.conf" -p "$1/pid"
' tls "$DIR" </dev/null >start.log 2>&1
