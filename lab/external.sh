# shellcheck shell=bash
# What `./millwright up --hypervisor URI` makes on a hypervisor of the user's own, and how `down --purge` leaves nothing of
# it there. Sourced by `millwright`, whose settings and functions (say, die, client, start_server, ...) these are.
# shellcheck disable=SC2154 # HERE, DATA, LAB and INDEX are set there

# A machine's own libvirt may have no pool of ours yet.
external_pool() {
  local uri=$1
  if virsh -q -c "$uri" pool-info millwright >/dev/null 2>&1; then start_pool "$uri"; return; fi
  install -d -m 711 "$DATA/pool"
  virsh -q -c "$uri" pool-define-as millwright dir --target "$DATA/pool" >/dev/null
  touch "$DATA/made-pool"
  virsh -q -c "$uri" pool-autostart millwright >/dev/null
  start_pool "$uri"
}

made_pool() { [[ -e $DATA/made-pool ]] && virsh -q -c "$1" pool-info millwright >/dev/null 2>&1; }
pool_runs() { virsh -q -c "$1" pool-list --name | awk '$1 == "millwright" { runs = 1 } END { exit !runs }'; }

# Ours only: whether one of the user's own runs is theirs to say. One that was made without autostart does not since a
# reboot.
start_pool() { # URI
  ! made_pool "$1" || pool_runs "$1" || virsh -q -c "$1" pool-start millwright >/dev/null
}

# On a hypervisor of the user's own only what is ours may go, and each thing by the way that made it.
empty_external() {
  local uri=$1
  # After a reboot there is no bridge, without which no server starts and no network's services answer.
  "$HERE/lab/lab" up --name "$LAB" --dir "$DATA/lab" --index "$INDEX" --host-bridge
  # shellcheck disable=SC1091
  . "$DATA/lab/lab.env"
  # Nor a pool, of which nothing could be removed.
  start_pool "$uri"
  healthy || { use_jdk; start_server; }
  tell_volumes
  say "deleting the machines, and what makes more of them"
  delete_all source group pool machine
  delete_volumes
  say "deleting images and networks"
  # With a hypervisor's declaration go the images that are on it still.
  delete_all image network hypervisor
  if made_pool "$uri"; then
    if pool_runs "$uri"; then virsh -q -c "$uri" pool-destroy millwright; fi
    virsh -q -c "$uri" pool-undefine millwright
  fi
  tell_left "$uri"
}

# Of all projects, as `delete -f` takes them; but for trials of images, which go with these.
all_of() { # kinds...
  local kind
  for kind; do client get "$kind" -A -o json; done | jq -cs '{kind: "List", items: [.[].items[]
    | select(.metadata.labels["millwright.io/trial-of"] == null) | {kind, metadata: (.metadata | {name, project})}]}'
}

# In the order in which one needs the other, and to the end of the work.
delete_all() { all_of "$@" | client delete -f - --wait --timeout 600; }

tell_volumes() {
  local volumes quarantined
  volumes=$(client volume list -A)
  quarantined=$(client volume list -A --quarantined)
  [[ -n $volumes$quarantined ]] || return 0
  say "these volumes go for ever, with all that is on them:"
  printf '%s\n' ${volumes:+"$volumes"} ${quarantined:+"$quarantined"}
}

# Also those that are declared to stay, and what was deleted and is kept for some days.
delete_volumes() {
  local kept project uid left waited=0
  kept=$(client volume list -A --quarantined -o json | jq -r '.items[] | select(.emptying != true) | "\(.project) \(.uid)"')
  delete_declared_volumes
  # One by one, so that no quota is in the way.
  while read -r project uid; do
    [[ -n $uid ]] || continue
    client volume restore "$uid" -p "$project" --as "purge-$uid" --wait --timeout 60 </dev/null >/dev/null
    delete_declared_volumes
  done <<<"$kept"
  # The next look at the hypervisor takes the disks away.
  while true; do
    left=$(client volume list -A --quarantined -o name)
    [[ -n $left ]] || break
    ((waited++ < 120)) || die "disks of deleted volumes are there still; look into $DATA/server.log, and say it again"
    sleep 1
  done
}

delete_declared_volumes() {
  local volumes
  volumes=$(client get volume -A -o json | jq -c 'select(.items != []) | .items[] |= {apiVersion, kind,
    metadata: (.metadata | {name, project}), spec: (.spec + {reclaim: "delete", quarantineDays: 0})}')
  [[ -n $volumes ]] || return 0
  client apply -f - <<<"$volumes" >/dev/null
  delete_all volume
}

# Whatever still bears our mark is nobody's from here on.
tell_left() { # URI
  local uri=$1 id name left
  id=$(cat "$DATA/images/installation")
  left=$(
    virsh -q -c "$uri" list --all --name | while read -r name; do
      [[ -z $name ]] || ! virsh -q -c "$uri" dumpxml "$name" --inactive | grep -q "installation=.$id" || echo "  machine $name"
    done
    virsh -q -c "$uri" pool-list --name | while read -r name; do
      [[ -z $name ]] || virsh -q -c "$uri" vol-list "$name" | awk -v mark="mw-$id-" -v pool="$name" 'index($1, mark) == 1 {print "  " $1 " in pool " pool}'
    done
  )
  [[ -z $left ]] || say "this of installation $id is left on $uri, and has to be removed there:"$'\n'"$left"
}
