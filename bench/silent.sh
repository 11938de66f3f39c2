# A hypervisor that accepts calls and answers none; see Silent.java.
# shellcheck shell=bash
conditions
bench_java Silent "$TMP/data" "${1:-600}"
