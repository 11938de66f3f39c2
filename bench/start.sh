# From starting the server, on a database that exists, until it answers; and what memory it takes then. The floor is
# what no server of this kind can do without: starting Java with the same classes, and starting PostgreSQL.
# shellcheck shell=bash
# shellcheck source=bench/server.sh
. "$BENCH/server.sh"
RUNS=${1:-7}

# rss PIDS: their memory in MiB; pages that are shared count once for Java and in part for each of PostgreSQL's
rss() { local sum=0 pid; for pid in "$@"; do sum=$((sum + $(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0))); done; printf '%d\n' $((sum / 1024)); }

conditions
start_server "$TMP/data"
stop_server
for ((run = 0; run < RUNS; run++)); do
  begun=$(now)
  start_server "$TMP/data"
  since "$begun" >>"$TMP/whole"
  sleep 2
  rss "$SERVER_PID" >>"$TMP/java"
  # shellcheck disable=SC2046
  rss $(postgres_of "$TMP/data") >>"$TMP/postgres-memory"
  stop_server
  begun=$(now)
  "$ROOT/server/run" --version >/dev/null
  since "$begun" >>"$TMP/version"
  bench_java StartDatabase "$TMP/data/postgres" >>"$TMP/pg"
done
printf 'start to ready: %.2f s; floor: %.2f s (Java %.2f s and PostgreSQL %.2f s)\n' "$(median <"$TMP/whole")" \
  "$(awk -v a="$(median <"$TMP/version")" -v b="$(median <"$TMP/pg")" 'BEGIN {print a + b}')" \
  "$(median <"$TMP/version")" "$(median <"$TMP/pg")"
printf 'memory: Java %d MiB, PostgreSQL %d MiB\n' "$(median <"$TMP/java")" "$(median <"$TMP/postgres-memory")"
