# N machines and V pages that are open: what the page's own queries take beside them and by plain SQL, what a viewer
# costs, and how soon all of them hear of a change.
# shellcheck shell=bash
# shellcheck source=bench/server.sh
. "$BENCH/server.sh"
N=${1:-10000} V=${2:-100} SECONDS_EACH=${3:-5} CHANGES=${CHANGES:-20}
((V <= 100)) || die "a token has 100 streams at most"
PGBENCH=$(command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -n 1) ||
  die "there is no pgbench; install Debian's postgresql-contrib"

conditions
machines "$N" "$TMP/data"
start_server "$TMP/data"
database "$TMP/data"
# Hypervisors of the simulation do not exist for a server as it is shipped: nothing shall be done about that here.
psql -qc 'DELETE FROM scheduled_tasks'
TOKEN=$(cat "$TMP/data/admin-token")
call() { curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/yaml' "$@"; }

# As the page asks them: one machine that has changed, what may be done with it, the operations of Home, a part of the list.
API="$SERVER_URL/api/v1"
QUERIES=(
  "one machine|$API/projects/default/machines/m%05d|SELECT r.* FROM resource r WHERE kind = 'MACHINE' AND project = 'default' AND name = 'm' || lpad(CAST(:n AS text), 5, '0');"
  "its actions|$API/projects/default/machines/m%05d/actions|SELECT r.* FROM resource r WHERE kind = 'MACHINE' AND project = 'default' AND name = 'm' || lpad(CAST(:n AS text), 5, '0');"
  "operations|$API/operations?limit=100|SELECT * FROM operation ORDER BY uid DESC LIMIT 101;"
  "1,000 of the list|$API/projects/default/machines?limit=1000|SELECT r.* FROM resource r WHERE kind = 'MACHINE' AND project = 'default' ORDER BY project, name LIMIT 1001;"
)
# The median latency in ms.
by_http() { bench_java Http "$1" "$TOKEN" "$N" 1 "$SECONDS_EACH" | cut -d' ' -f2; }
by_sql() {
  rm -f "$TMP"/pgbench_log.*
  printf '\\set n random(0, %d)\n%s\n' $((N - 1)) "$1" >"$TMP/query.sql"
  "$PGBENCH" -n -M prepared -f "$TMP/query.sql" -c 1 -T "$SECONDS_EACH" --log --log-prefix="$TMP/pgbench_log" >/dev/null 2>&1
  cat "$TMP"/pgbench_log.* | awk '{print $3 / 1000}' | median
}
# What lives on the heap after a collection, and what the process has of the memory, in kB.
heap() {
  "${JAVA%java}jcmd" "$SERVER_PID" GC.run >/dev/null
  "${JAVA%java}jcmd" "$SERVER_PID" GC.heap_info | grep -o 'used [0-9]*K' | head -n 2 | awk '{sum += $2} END {print sum}'
}
resident() { awk '/^Pss:/ {print $2}' "/proc/$SERVER_PID/smaps_rollup"; }

ask() { # title
  local each title url sql
  for each in "${QUERIES[@]}"; do
    IFS='|' read -r title url sql <<<"$each"
    printf '%s, %s: HTTP %.2f ms, SQL %.2f ms\n' "$1" "$title" "$(by_http "$url")" "$(by_sql "$sql")"
  done
}

for each in "${QUERIES[@]}"; do IFS='|' read -r _ url _ <<<"$each"; by_http "$url" >/dev/null; done # Java compiles
ask 'nobody looks'
before_heap=$(heap) before=$(resident)
viewers=()
for ((i = 0; i < V; i++)); do
  curl -sSN -H "Authorization: Bearer $TOKEN" -H 'Accept: text/event-stream' \
    "$API/projects/-/events?changes=true&limit=1" >"$TMP/viewer.$i" 2>/dev/null &
  viewers+=($!)
done
tidy_viewers() { kill "${viewers[@]}" 2>/dev/null || true; }
heard() { cat "$TMP"/viewer.* | grep -c "\"name\":\"$1\"" || true; }
change() { # name
  [[ $(call -X PUT --data-binary "{apiVersion: millwright/v1, kind: Size, metadata: {name: $1}, spec: {cores: 1, memory: 1GiB, disk: 4GiB}}" \
    "$API/projects/default/sizes/$1") == 20? ]] || die "the change was refused"
}
for ((tries = 0; tries < 100; tries++)); do # until all of them are there
  change "warm-$tries"
  sleep 0.3
  (($(heard "warm-$tries") >= V)) && break
done
(($(heard "warm-$tries") >= V)) || die "only $(heard "warm-$tries") of $V viewers hear anything"
after_heap=$(heap) after=$(resident)
printf '%d viewers: %d kB of heap and %d kB of memory each\n' "$V" $(((after_heap - before_heap) / V)) $(((after - before) / V))
for ((i = 0; i < CHANGES; i++)); do
  begun=$(now)
  change "told-$i"
  until (($(heard "told-$i") >= V)); do sleep 0.01; done
  since "$begun"
done >"$TMP/told"
printf 'a change is heard by all %d after %.0f ms (median of %d)\n' "$V" "$(awk '{print $1 * 1000}' "$TMP/told" | median)" "$CHANGES"
# While things change, about ten times a second.
(i=0; while :; do change "busy-$((i++))"; sleep 0.1; done) &
viewers+=($!)
ask "$V viewers and ten changes a second"
tidy_viewers
