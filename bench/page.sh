# First paint, first view and the list of N machines, in Chromium, from the server as it is shipped.
# shellcheck shell=bash
# shellcheck source=bench/server.sh
. "$BENCH/server.sh"
N=${1:-10000}
conditions
machines "$N" "$TMP/data"
start_server "$TMP/data"
database "$TMP/data"
# Hypervisors of the simulation do not exist for a server as it is shipped: nothing shall be done about that here.
psql -qc 'DELETE FROM scheduled_tasks'
"$ROOT/ui/build" measure "$SERVER_URL" "$(cat "$TMP/data/admin-token")"
