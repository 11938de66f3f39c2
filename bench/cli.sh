# One call of the command line, `get machines`, against the same request by curl and against Java's own start.
# shellcheck shell=bash
# shellcheck source=bench/server.sh
. "$BENCH/server.sh"
RUNS=${1:-20}

conditions
start_server "$TMP/data"
export MILLWRIGHT_SERVER=$SERVER_URL MILLWRIGHT_TOKEN_FILE=$TMP/data/admin-token
TOKEN=$(cat "$MILLWRIGHT_TOKEN_FILE")
cat >"$TMP/Nothing.java" <<'J'
public class Nothing { public static void main(String[] arguments) { System.out.println(); } }
J
"$JAVA_HOME/bin/javac" -d "$TMP" "$TMP/Nothing.java"
by_cli() { "$ROOT/cli/run" get machines >/dev/null 2>&1; }
by_curl() { curl -fsS -o /dev/null -H "Authorization: Bearer $TOKEN" "$SERVER_URL/api/v1/projects/default/machines"; }
by_java() { "$JAVA" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$TMP" Nothing >/dev/null; }
by_cli
for ((run = 0; run < RUNS; run++)); do
  for way in cli curl java; do
    begun=$(now)
    "by_$way"
    since "$begun" >>"$TMP/$way"
  done
done
printf 'get machines: %.3f s (least %.3f s); curl %.3f s; Java that does nothing %.3f s; ratio to these two %.2f\n' \
  "$(median <"$TMP/cli")" "$(sort -n "$TMP/cli" | head -n 1)" "$(median <"$TMP/curl")" "$(median <"$TMP/java")" \
  "$(awk -v a="$(median <"$TMP/cli")" -v b="$(median <"$TMP/curl")" -v c="$(median <"$TMP/java")" 'BEGIN {print a / (b + c)}')"
