# GET one and LIST a page over HTTP, against the same SQL by pgbench on the same database; in turns.
# shellcheck shell=bash
# shellcheck source=bench/server.sh
. "$BENCH/server.sh"
N=${1:-10000} SECONDS_EACH=${2:-4} ROUNDS=${ROUNDS:-5}
PGBENCH=$(command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -n 1) ||
  die "there is no pgbench; install Debian's postgresql-contrib"

conditions
bench_java Idle "$TMP/data" "$N" "${3:-0}"
start_server "$TMP/data"
database "$TMP/data"
# Hypervisors of the simulation do not exist for a server as it is shipped: nothing shall be done about that here.
psql -qc 'DELETE FROM scheduled_tasks'
TOKEN=$(cat "$TMP/data/admin-token")

cat >"$TMP/get.sql" <<S
\set n random(0, $((N - 1)))
SELECT r.* FROM resource r WHERE kind = 'MACHINE' AND project = 'default' AND name = 'm' || lpad(CAST(:n AS text), 5, '0');
S
cat >"$TMP/list.sql" <<'S'
SELECT r.* FROM resource r WHERE kind = 'MACHINE' AND project = 'default' AND labels @> '{"tier": "t7"}' ORDER BY project, name LIMIT 101;
S
GET="$SERVER_URL/api/v1/projects/default/machines/m%05d"
LIST="$SERVER_URL/api/v1/projects/default/machines?limit=100&labelSelector=tier=t7"

# by_http URL CONNECTIONS; by_sql FILE CONNECTIONS: each prints requests/s and the median latency in ms
by_http() { bench_java Http "$1" "$TOKEN" "$N" "$2" "$SECONDS_EACH"; }
by_sql() {
  local rate
  rm -f "$TMP"/pgbench_log.*
  rate=$("$PGBENCH" -n -M prepared -f "$1" -c "$2" -j "$2" -T "${SECONDS_EACH%.*}" --log --log-prefix="$TMP/pgbench_log" 2>/dev/null |
    sed -n 's/^tps = \([0-9.]*\).*/\1/p')
  printf '%s %s\n' "$rate" "$(cat "$TMP"/pgbench_log.* | awk '{print $3 / 1000}' | median)"
}

by_http "$GET" 4 >/dev/null   # Java compiles
by_http "$LIST" 4 >/dev/null
for what in get list; do
  url=$GET
  [[ $what == get ]] || url=$LIST
  for connections in 1 4; do
    for ((round = 0; round < ROUNDS; round++)); do
      printf '%s %s\n' "$(by_http "$url" "$connections")" "$(by_sql "$TMP/$what.sql" "$connections")"
    done >"$TMP/figures"
    awk '{print $1 / $3}' "$TMP/figures" >"$TMP/ratios"
    printf '%s, %d connections: HTTP %.0f requests/s, %.2f ms; SQL %.0f/s, %.3f ms; ratio %.3f\n' "$what" "$connections" \
      "$(cut -d' ' -f1 "$TMP/figures" | median)" "$(cut -d' ' -f2 "$TMP/figures" | median)" \
      "$(cut -d' ' -f3 "$TMP/figures" | median)" "$(cut -d' ' -f4 "$TMP/figures" | median)" "$(median <"$TMP/ratios")"
  done
done
