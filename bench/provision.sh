# From the request for a machine until it is ready, against a shell script that does the same with qemu-img, xorriso
# and virsh: in the same lab, on the same golden image, with a seed of the same content and a definition of the same
# hardware, one after the other, as often as asked. With `--rebuild` both have a machine with a data volume, which runs, and
# what is measured is its new system disk: the guest is asked to stop, and reports from its first boot, the volume mounted.
# shellcheck shell=bash source=bench/server.sh
. "$BENCH/server.sh"
IMAGE='' PAIRS=3 REBUILD=''
while (($#)); do
  case $1 in
    --image) IMAGE=$(realpath "$2"); shift 2 ;;
    --pairs) PAIRS=$2; shift 2 ;;
    --rebuild) REBUILD=1; shift ;;
    *) die "provision takes --image FILE, --pairs N and --rebuild, not $1" ;;
  esac
done
[[ $(id -u) == 0 ]] || die "provision needs root, for its lab"

export MILLWRIGHT_DATA=$TMP/data MILLWRIGHT_PORT=${MILLWRIGHT_PORT:-7470} MILLWRIGHT_LAB=${MILLWRIGHT_LAB:-mwbench} \
  MILLWRIGHT_LAB_INDEX=${MILLWRIGHT_LAB_INDEX:-88}
LAB_DIR=$MILLWRIGHT_DATA/lab
LISTEN_PORT=$((MILLWRIGHT_PORT + 5))
LISTENER=''

tidy() {
  [[ -z $LISTENER ]] || kill "$LISTENER" 2>/dev/null || true
  if [[ -n ${SERVER:-} ]]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi
  "$ROOT/lab/lab" down --name "$MILLWRIGHT_LAB" --dir "$LAB_DIR" --purge >/dev/null 2>&1 || true
}

conditions
install -d -m 711 "$MILLWRIGHT_DATA"
"$ROOT/lab/lab" up --name "$MILLWRIGHT_LAB" --dir "$LAB_DIR" --index "$MILLWRIGHT_LAB_INDEX" >/dev/null
# shellcheck disable=SC1091
. "$LAB_DIR/lab.env"
V=(virsh -q -c "$LAB_URI")
"$ROOT/server/run" --data "$MILLWRIGHT_DATA" --listen "127.0.0.1:$MILLWRIGHT_PORT" \
  --door "$LAB_HOST4:$((MILLWRIGHT_PORT + 1))" >"$TMP/server.log" 2>&1 </dev/null &
SERVER=$!
until curl -fsS -o /dev/null "http://127.0.0.1:$MILLWRIGHT_PORT/api/v1/health" 2>/dev/null; do
  kill -0 "$SERVER" 2>/dev/null || { cat "$TMP/server.log" >&2; die "the server did not start"; }
  sleep 0.2
done
database "$MILLWRIGHT_DATA"
API=http://127.0.0.1:$MILLWRIGHT_PORT/api/v1
api() { curl -fsS -H "Authorization: Bearer $(cat "$MILLWRIGHT_DATA/admin-token")" "$@"; }
apply() { api -o /dev/null -H 'Content-Type: application/yaml' --data-binary @"$1" "$API/apply"; }
ready() { # project kind name
  [[ $(api "$API/projects/$1/$2/$3" | jq -r '[.status.conditions[]? | select(.type == "Ready")][0].value') == true ]]
}

# The quickstart, without its machine.
ssh-keygen -q -t ed25519 -N '' -C bench -f "$TMP/key"
key=$(cut -d' ' -f1,2 "$TMP/key.pub")
cat >"$TMP/0-hypervisor.yaml" <<Y
apiVersion: millwright/v1
kind: Hypervisor
metadata: {name: lab, project: shared}
spec: {driver: libvirt, settings: {uri: "$LAB_URI"}}
Y
for file in "$ROOT"/examples/quickstart/*.yaml; do
  sed -e "s#/var/lib/millwright/lab/#$LAB_DIR/#g" -e "s#10\.77\.#10.$LAB_INDEX.#g" -e "s#fd00:77:#fd00:$LAB_INDEX:#g" \
    -e "s#ssh-ed25519 AAAA[A-Za-z0-9+/=]* you@example#$key#" -e "s#bridge: br0#bridge: $LAB_BRIDGE#" \
    "$file" >"$TMP/$(basename "$file")"
done
if [[ -n $IMAGE ]]; then
  cat >"$TMP/2-image.yaml" <<Y
apiVersion: millwright/v1
kind: Image
metadata: {name: debian-12}
spec: {os: debian, version: "12", source: {path: "$IMAGE"}}
Y
fi
if [[ $REBUILD ]]; then
  cat >"$TMP/4-volume.yaml" <<Y
apiVersion: millwright/v1
kind: Volume
metadata: {name: data}
spec: {size: 256MiB, hypervisor: lab, filesystem: ext4, mount: /srv/data}
Y
  echo '  volumes: [data]' >>"$TMP/5-machine.yaml"
fi
for file in "$TMP"/[0-4]-*.yaml; do apply "$file"; done
until ready default images debian-12 && ready shared hypervisors lab; do
  sleep 1
  kill -0 "$SERVER" || die "the server ended"
done

# Answers as the machines' door does, and says when it was knocked at.
cat >"$TMP/listener.py" <<'P'
import http.server, sys, time

class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.send_header("Connection", "close")
        self.end_headers()
        open(sys.argv[3], "w").write("%.3f" % time.time())

    def log_message(self, *_):
        pass

http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Door).serve_forever()
P
python3 "$TMP/listener.py" "$LAB_HOST4" "$LISTEN_PORT" "$TMP/knocked" &
LISTENER=$!

# By Millwright: from sending the manifest until its condition says ready.
by_millwright() {
  local begun
  begun=$(now)
  make_ready "$begun" "$(api -H 'Content-Type: application/yaml' --data-binary @"$TMP/5-machine.yaml" "$API/apply" |
    jq -r 'first(.items[] | select(.operation).operation)')"
  [[ $REBUILD ]] || gone
}
make_ready() { # since when, operation
  local begun=$1 operation=$2
  [[ -e $TMP/seed ]] || keep_what_it_made
  # A rebuilt one has run before.
  until [[ $REBUILD || $("${V[@]}" list --name --state-running) ]]; do sleep 0.02; done
  since "$begun" >>"$TMP/millwright-on"
  # Told rather than asked again and again: asking would take from the guest what the script leaves it.
  api -N -o /dev/null -H 'Accept: text/event-stream' "$API/operations/$operation"
  since "$begun" >>"$TMP/millwright"
  since "$(psql -Atc 'SELECT extract(epoch FROM at) FROM report ORDER BY at DESC LIMIT 1')" >>"$TMP/millwright-told"
  ready default machines hello || die "the operation ended and the machine is not ready"
  operation_steps >>"$TMP/steps"
}
gone() {
  api -o /dev/null -X DELETE "$API/projects/default/machines/hello"
  while api -o /dev/null "$API/projects/default/machines/hello" 2>/dev/null; do sleep 0.2; done
}

# Once: the seed and the definition, from which the script makes its own.
keep_what_it_made() {
  local iso='' domain=''
  until [[ -n $domain ]]; do domain=$("${V[@]}" list --name | head -n 1); sleep 0.05; done
  "${V[@]}" dumpxml --inactive "$domain" >"$TMP/domain.xml"
  iso=$(find "$LAB_POOL_DIR" -name '*seed*.iso' -print -quit)
  xorriso -osirrox on -indev "$iso" -extract / "$TMP/seed" >"$TMP/xorriso.log" 2>&1 || { cat "$TMP/xorriso.log" >&2; die "cannot read the seed $iso"; }
  chmod -R u+w "$TMP/seed"
  mkdir -p "$TMP/dns"
  cp -r "$LAB_DNSMASQ_DIR/dhcp" "$LAB_DNSMASQ_DIR/hosts" "$TMP/dns/"
  python3 - "$TMP" "$LAB_HOST4" "$((MILLWRIGHT_PORT + 1))" "$LISTEN_PORT" <<'P'
import base64, re, sys

work, host, door, port = sys.argv[1:]
path = work + "/seed/user-data"
text = open(path).read()

def turned(match):
    try:
        inside = base64.b64decode(match.group(0), validate=True).decode()
    except ValueError:
        return match.group(0)
    # The first boot's task names host and port apart, and together.
    if '"reportTo"' not in inside or host not in inside:
        return match.group(0)
    return base64.b64encode(inside.replace(":" + door, ":" + port).encode()).decode()

turned_text = re.sub(r"[A-Za-z0-9+/]{40,}={0,2}", turned, text)
assert turned_text != text, "the seed does not say where to report"
open(path, "w").write(turned_text)
P
}

operation_steps() {
  api "$API/operations?limit=1" | jq -r '.items[0].status.steps[]? | select(.startedAt and .endedAt) | "\(.key) \(.startedAt) \(.endedAt)"' || true
}

# By the script: the same disk, seed and domain, from its first command until the guest knocks.
by_script() {
  local begun base disk=$LAB_POOL_DIR/script.qcow2 iso=$LAB_POOL_DIR/script.iso
  rm -f "$TMP/knocked"
  base=$(find "$LAB_POOL_DIR" -name '*image*.qcow2' -print -quit)
  begun=$(now)
  if [[ $REBUILD && -e $disk ]]; then
    "${V[@]}" shutdown script >/dev/null
    until off; do sleep 0.05; done
    rm "$disk" "$iso"
  fi
  qemu-img create -q -f qcow2 -F qcow2 -b "$base" "$disk" 4G
  cp -r "$TMP/dns/." "$LAB_DNSMASQ_DIR/"
  xorriso -as genisoimage -quiet -V cidata -J -r -o "$iso" "$TMP/seed" 2>/dev/null
  sed -e "s#$LAB_POOL_DIR/[^'\"]*system[^'\"]*#$disk#" -e "s#$LAB_POOL_DIR/[^'\"]*seed[^'\"]*#$iso#" \
    -e 's#<name>.*</name>#<name>script</name>#' -e '/<uuid>/d' -e '/<metadata>/,/<\/metadata>/d' "$TMP/domain.xml" >"$TMP/script.xml"
  "${V[@]}" dominfo script >/dev/null 2>&1 || "${V[@]}" define "$TMP/script.xml" >/dev/null
  "${V[@]}" start script >/dev/null
  since "$begun" >>"$TMP/script-on"
  until [[ -e $TMP/knocked ]]; do sleep 0.05; done
  since "$begun" >>"$TMP/script"
  [[ ! $REBUILD ]] || return 0
  "${V[@]}" destroy script >/dev/null
  "${V[@]}" undefine script >/dev/null
  rm -f "$disk" "$iso"
  (cd "$TMP/dns" && find . -type f) | (cd "$LAB_DNSMASQ_DIR" && xargs -r rm -f)
  kill -HUP "$LAB_DNSMASQ_PID" "$LAB_DNS_PID"
}

# The two machines are one, with the same addresses and volume, so one of them runs at a time.
off() { [[ -z $("${V[@]}" list --name --state-running) ]]; }
up() { (exec 3<>"/dev/tcp/10.$LAB_INDEX.0.20/22") 2>/dev/null; }
rebuilt_by_millwright() {
  local begun
  api -o /dev/null -X POST "$API/projects/default/machines/hello:power-on"
  until up; do sleep 0.2; done
  begun=$(now)
  make_ready "$begun" "$(api -X POST "$API/projects/default/machines/hello:rebuild" | jq -r .metadata.uid)"
  millwright_off
}
millwright_off() {
  until up; do sleep 0.2; done
  api -o /dev/null -X POST "$API/projects/default/machines/hello:power-off"
  until off; do sleep 0.2; done
}
rebuilt_by_script() {
  "${V[@]}" start script >/dev/null
  until up; do sleep 0.2; done
  by_script
  script_off
}
script_off() {
  until up; do sleep 0.2; done
  "${V[@]}" shutdown script >/dev/null
  until off; do sleep 0.2; done
}

by_millwright # stages the image, and warms every cache; not counted
FIRST=by_millwright SECOND=by_script
if [[ $REBUILD ]]; then
  FIRST=rebuilt_by_millwright SECOND=rebuilt_by_script
  millwright_off
fi
by_script
if [[ $REBUILD ]]; then script_off; fi
rm -f "$TMP"/{millwright,script}{,-on} "$TMP/steps" "$TMP/millwright-told"
for ((pair = 1; pair <= PAIRS; pair++)); do
  # In turns, and each first as often as the other, for whatever changes with time.
  if ((pair % 2)); then $FIRST; $SECOND; else $SECOND; $FIRST; fi
  printf 'pair %d: millwright %s s, script %s s\n' "$pair" "$(tail -n 1 "$TMP/millwright")" "$(tail -n 1 "$TMP/script")"
done
paste "$TMP/millwright" "$TMP/script" | awk '{print $1 - $2}' >"$TMP/more"
paste "$TMP/millwright" "$TMP/script" | awk '{print $1 / $2}' >"$TMP/ratio"
printf 'median: millwright %.2f s, script %.2f s; paired: %+.2f s, ratio %.3f\n' "$(median <"$TMP/millwright")" \
  "$(median <"$TMP/script")" "$(median <"$TMP/more")" "$(median <"$TMP/ratio")"
# The guest's boot is most of it and varies by seconds where there is no KVM; what comes before and after it does not.
[[ $REBUILD ]] || printf 'until power is on: millwright %.2f s, script %.2f s\n' "$(median <"$TMP/millwright-on")" "$(median <"$TMP/script-on")"
printf 'from the guest'\''s report until the API says ready: millwright %.2f s\n' "$(median <"$TMP/millwright-told")"
