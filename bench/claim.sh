# How long it takes to claim a machine that waits in a pool; see Claim.java.
# shellcheck shell=bash
conditions
bench_java Claim "$TMP/data" "${1:-200}" "${2:-200}"
