# Starting and ending the server as it is shipped; read by benchmarks that need it.
# shellcheck shell=bash

SERVER_PID='' SERVER_URL=''

# machines N DATA: N machines that are at rest. They take minutes to make: with BENCH_WORLD=DIRECTORY they are kept there
# for the next time.
machines() {
  local kept=${BENCH_WORLD:+$BENCH_WORLD/$1}
  if [[ -n $kept && -e $kept/whole ]]; then
    cp -a --reflink=auto "$kept/data" "$2"
    return
  fi
  bench_java Idle "$2" "$1" 0
  if [[ -n $kept ]]; then
    mkdir -p "$kept"
    chmod 711 "$BENCH_WORLD" "$kept"
    rm -rf "$kept/data"
    cp -a --reflink=auto "$2" "$kept/data"
    touch "$kept/whole"
  fi
}

# start_server DATA: returns when it answers
start_server() {
  local data=$1
  "$ROOT/server/run" --data "$data" --listen 127.0.0.1:0 >"$TMP/server.log" 2>&1 </dev/null &
  SERVER_PID=$!
  SERVER_URL=''
  : >>"$TMP/server.log"
  until SERVER_URL=$(sed -n 's/.* is ready at \(http:[^ ]*\).*/\1/p' "$TMP/server.log") && [[ -n $SERVER_URL ]]; do
    kill -0 "$SERVER_PID" 2>/dev/null || { cat "$TMP/server.log" >&2; die "the server did not start"; }
    sleep 0.01
  done
  curl -fsS -o /dev/null "$SERVER_URL/api/v1/health"
}

stop_server() {
  [[ -n $SERVER_PID ]] || return 0
  kill "$SERVER_PID" 2>/dev/null || true
  wait "$SERVER_PID" 2>/dev/null || true
  SERVER_PID=
}
tidy() { stop_server; }

# postgres_of DATA: the numbers of PostgreSQL's processes
postgres_of() {
  local first
  first=$(head -n 1 "$(find "$1/postgres" -maxdepth 3 -name postmaster.pid)")
  printf '%s\n' "$first"
  ps -o pid= --ppid "$first"
}

# database DATA: sets what psql and pgbench connect with
database() {
  local port
  port=$(sed -n 4p "$(find "$1/postgres" -maxdepth 3 -name postmaster.pid)")
  export PGHOST=127.0.0.1 PGPORT=$port PGUSER=millwright PGDATABASE=millwright
  PGPASSWORD=$(cat "$1/postgres/password")
  export PGPASSWORD
}
