# What machines cost while nothing happens; see Idle.java.
# shellcheck shell=bash
conditions
bench_java Idle "$TMP/data" "${1:-10000}" "${2:-120}"
