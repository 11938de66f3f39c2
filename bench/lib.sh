# What the benchmarks share; read by bench/run.
# shellcheck shell=bash

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }

# A directory of this run's own, which PostgreSQL's user can pass through; and what has to be ended with it.
prepare() {
  export MILLWRIGHT_DATA=${MILLWRIGHT_DATA:-}
  "$ROOT/millwright" build >&2
  local home
  for home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*25* /usr/lib/jvm/* /opt/*jdk*; do
    grep -qs '^JAVA_VERSION="25' "$home/release" && { JAVA=$home/bin/java; export JAVA_HOME=$home; break; }
  done
  [[ -n ${JAVA:-} ]] || die "there is no Java 25"
  TMP=$(mktemp -d "${BENCH_TMP:-/var/tmp}/millwright-bench.XXXXXX")
  chmod 711 "$TMP"
  trap 'tidy; rm -rf "$TMP"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Overridden by benchmarks that start something.
tidy() { :; }

# The conditions under which figures were made, for those who compare them.
conditions() {
  printf '%s, %d cores, load %s\n' "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)"
}

# bench_java CLASS ARGUMENTS...: with the server's own classes, and options like the server's
bench_java() {
  local class=$1
  shift
  # shellcheck disable=SC2086 # several options are meant to be several words
  "$JAVA" -XX:+UseSerialGC -Xmx768m --enable-native-access=ALL-UNNAMED -Djava.awt.headless=true \
    ${BENCH_JAVA_OPTIONS:-} \
    -cp "$(echo "$BENCH"/target/bench-*.jar):$(echo "$ROOT"/media/target/media-*.jar):$(echo "$ROOT"/driver-testkit/target/driver-testkit-*.jar):$ROOT/server/target/server/lib/*" \
    "io.millwright.bench.$class" "$@"
}

# median: of the numbers on standard input, one a line
median() { sort -n | awk '{a[NR] = $1} END {print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2}'; }

# now: seconds with a fraction
now() { printf '%s\n' "$EPOCHREALTIME"; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN {printf "%.3f\n", b - a}'; }
