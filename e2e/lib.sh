# What the end-to-end tests share. shellcheck shell=bash
passed=0 failed=0
OUT=$(mktemp)

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
note() { printf '\n--- %s (%d s)\n' "$1" "$SECONDS"; }
check() { # what, command...
  local title=$1
  shift
  if "$@" >"$OUT" 2>&1; then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$title"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$title"
    tail -n 15 "$OUT" | sed 's/^/      | /'
  fi
}
exits() { local want=$1 got=0; shift; "$@" || got=$?; [[ $got == "$want" ]] || { echo "exit $got, not $want"; return 1; }; }
# The whole output first: a grep that has seen enough would end the command by a broken pipe.
says() { local want=$1 said; shift; said=$("$@" 2>&1) || true; printf '%s\n' "$said"; grep -qE -- "$want" <<<"$said"; }
within() { # seconds, command...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}

# A server of the end-to-end test's own, without the rest of what `up` brings: serve MORE-OPTIONS..., in $DIR, at $PORT;
# started otherwise than by server/run alone if SERVER_RUN says how.
serve() {
  "${SERVER_RUN[@]:-server/run}" --data "$DIR/server" --listen "127.0.0.1:$PORT" "$@" >>"$DIR/server.log" 2>&1 </dev/null &
  SERVER=$!
  within 240 curl -fsS -o "$DIR/health" --max-time 2 "http://127.0.0.1:$PORT/api/v1/health" && return
  tail -n 5 "$DIR/server.log"
  return 1
}
unserve() { [[ -z ${SERVER:-} ]] || { kill "$SERVER" 2>/dev/null && wait "$SERVER" 2>/dev/null; } || true; }
