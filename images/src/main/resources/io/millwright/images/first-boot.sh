#!/bin/bash
# Runs once in a new machine that has no Python: the scripts of its profile, in order, and then one
# report. Started on every boot until it is done; goes on where it was. Never prints where it reports
# to, and never gives it to a program as an argument: that address is a permission.
set -u
cd "$(dirname "$0")" || exit 1
umask 077
mkdir -p results logs
result() { # NUMBER NAME CODE LOG
  # Broken characters grow threefold when they are replaced; 8 KiB is the most that is taken.
  tail -c 2700 "$4" >tail
  jq -n --arg name "$2" --argjson code "$3" --rawfile output tail \
    '{name: $name, exitCode: $code, output: $output}' >new && sync new && mv new "results/$1"
}
for script in scripts/*; do
  [ -e "$script" ] || continue
  number=${script##*/} number=${number%%-*} name=${script##*/} name=${name#*-}
  # What was begun is never run a second time.
  [ ! -e "results/$number" ] || continue
  echo "millwright: running script $name"
  echo "the machine went down" >"logs/$name"
  result "$number" "$name" 255 "logs/$name"
  chmod 0700 "$script"
  HOME=/root "$PWD/$script" </dev/null >"logs/$name" 2>&1
  code=$?
  result "$number" "$name" "$code" "logs/$name"
  echo "millwright: script $name ended with $code"
done
finish() {
  touch done
  rm -rf scripts results doors body tail
  exit 0
}
[ -s doors ] || finish
# Who is told that it is ready may take its power away: its host keys would be gone, say.
sync
jq -n --slurpfile scripts <(cat results/* 2>/dev/null) --slurpfile links <(ip -j addr) \
  --rawfile keys <(cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null) '{
    hostKeys: [$keys | splits("\n") | select(. != "") | split(" ")[0:2] | join(" ")][0:16],
    interfaces: [$links[0][] | select(.link_type == "ether") | {
      name: .ifname,
      mac: (.permaddr // .address),
      addresses: [.addr_info[]? | select(.scope == "global" and (.tentative or .dadfailed | not)) | .local]
    }][0:64],
    scripts: $scripts
  }' >body || exit 1
until [ "$SECONDS" -gt 300 ]; do
  while read -r door; do
    status=$(printf 'url = "%s"\n' "$door" | curl -K - -s -o /dev/null -m 15 -w '%{http_code}' \
      -H 'Content-Type: application/json' --data-binary @body)
    case $status in 2?? | 410)
      echo "millwright: reported"
      finish
      ;;
    esac
  done <doors
  sleep 2
done
echo "millwright: gave up reporting; tries again on the next boot"
exit 1
