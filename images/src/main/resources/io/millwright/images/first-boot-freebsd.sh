#!/bin/sh
# Runs once in a new FreeBSD, by what its base system has: the scripts of the profile, in order, and
# then one report. Started on every boot until it is done; goes on where it was. Never prints where
# it reports to: that address is a permission.
set -u
PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin
cd "$(dirname "$0")" || exit 1
umask 077
mkdir -p results logs scripts
say() { echo "millwright: $*"; }
tab=$(printf '\t')
json() { # one text in quotes; what is no UTF-8 and no line is left out
  iconv -c -f UTF-8 -t UTF-8 | tr -d '\000-\010\013-\037\177' |
    sed -e 's/[\\"]/\\&/g' -e "s/$tab/\\\\t/g" |
    awk 'BEGIN { printf "\"" } { printf "%s%s", (NR > 1 ? "\\n" : ""), $0 } END { printf "\"" }'
}
list() { # lines as one line, with commas between them
  awk '{ printf "%s%s", (NR > 1 ? "," : ""), $0 }'
}
result() { # NUMBER NAME CODE LOG
  printf '{"name":"%s","exitCode":%d,"output":%s}\n' "$2" "$3" "$(tail -c 4000 "$4" | json)" >new
  sync
  mv new "results/$1"
}
for script in scripts/*; do
  [ -e "$script" ] || continue
  number=${script##*/}
  name=${number#*-}
  number=${number%%-*}
  # What was begun is never run a second time.
  [ ! -e "results/$number" ] || continue
  say "running script $name"
  echo "the machine went down" >"logs/$name"
  result "$number" "$name" 255 "logs/$name"
  chmod 0700 "$script"
  HOME=/root "$PWD/$script" </dev/null >"logs/$name" 2>&1
  code=$?
  result "$number" "$name" "$code" "logs/$name"
  say "script $name ended with $code"
done
finish() {
  touch done
  rm -rf scripts results doors body
  exit 0
}
[ -s doors ] || finish
# Who is told that it is ready may take its power away: its host keys would be gone, say.
sync
interfaces() {
  for card in $(ifconfig -l); do
    # A member of a bond wears the bond's address over its own, which is then called hwaddr.
    ifconfig "$card" | awk -v name="$card" '
      $1 == "ether" && mac == "" { mac = $2 }
      $1 == "hwaddr" { mac = $2 }
      ($1 == "inet" || $1 == "inet6") && $2 !~ /^fe80:/ && !/tentative|duplicated/ {
        list = list (list == "" ? "" : ",") "\"" $2 "\""
      }
      END { if (mac != "") printf "{\"name\":\"%s\",\"mac\":\"%s\",\"addresses\":[%s]}\n", name, mac, list }'
  done | head -n 64
}
keys() {
  for key in /etc/ssh/ssh_host_*_key.pub; do
    [ ! -e "$key" ] || awk '{ print "\"" $1 " " $2 "\""; exit }' "$key"
  done | head -n 16
}
printf '{"hostKeys":[%s],"interfaces":[%s],"scripts":[%s]}' \
  "$(keys | list)" "$(interfaces | list)" "$(cat results/* 2>/dev/null | list)" >body
post() { # TLS HOST PORT AUTHORITY PATH; the answer's status
  {
    printf 'POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n' "$5" "$4"
    printf 'Content-Length: %d\r\nConnection: close\r\n\r\n' "$(wc -c <body)"
    cat body
    # Some of these programs leave as soon as they have nothing more to send.
    sleep 3
  } | if [ "$1" = true ]; then
    case $2 in *:*) to="[$2]:$3" ;; *) to=$2:$3 ;; esac
    openssl s_client -quiet -verify_return_error -verify_hostname "$2" -connect "$to" 2>/dev/null
  else
    nc -w 15 "$2" "$3"
  fi | awk 'NR == 1 && $1 ~ /^HTTP\// { print $2 }'
}
end=$(($(date +%s) + 300))
while [ "$(date +%s)" -lt "$end" ]; do
  while read -r tls host port authority path; do
    case $(post "$tls" "$host" "$port" "$authority" "$path") in 2?? | 410)
      say "reported"
      finish
      ;;
    esac
  done <doors
  sleep 2
done
say "gave up reporting; tries again on the next boot"
exit 1
