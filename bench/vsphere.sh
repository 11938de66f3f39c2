# The vSphere driver on simulated vCenters; see Vsphere.java.
# shellcheck shell=bash
"$ROOT/lab/vcenter" install >&2
conditions
cd "$ROOT"
bench_java Vsphere "$TMP" "${1:-1000}" "${2:-10000}" "${3:-20}"
