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
