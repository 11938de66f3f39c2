# One round over many simulated machines of which nothing has changed; see DriftRound.java.
# shellcheck shell=bash
conditions
bench_java DriftRound "$TMP/data" "${1:-10000}" "${2:-20}"
