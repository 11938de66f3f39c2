# Many simulated machines; see Simulated.java.
# shellcheck shell=bash
conditions
bench_java Simulated "$TMP/data" "${1:-1000}" "${2:-20}" "${3:-}"
