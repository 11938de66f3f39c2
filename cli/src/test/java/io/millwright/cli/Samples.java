package io.millwright.cli;

/** Answers of a server, written down. */
final class Samples {
  static final String HELLO =
      """
      {"apiVersion":"millwright/v1","kind":"Machine",
       "metadata":{"name":"hello","project":"default","labels":{"app":"web","tier":"one"},
        "annotations":{"note":"first"},"uid":"0193-a","generation":2,"revision":17,
        "createdAt":"2026-11-21T11:57:00Z"},
       "spec":{"image":"debian-12","size":"small","profiles":["admin"],"firmware":"bios",
        "power":"on","nics":[{"name":"nic0","network":"lab","ipv4":"10.0.0.5","ipv6":"auto"}],
        "script":"a: b\\nc\\n","future":{"unknown":"field"}},
       "status":{"conditions":[{"type":"Ready","value":"true","reason":"PhonedHome",
         "message":"It phoned home.","since":"2026-11-21T11:58:00Z"}],
        "hypervisor":"lab","power":"on",
        "interfaces":[{"name":"nic0","mac":"52:54:00:00:00:01","network":"lab",
         "addresses":["10.0.0.5","fd00::5"]}],
        "readyBy":"phone-home","hostKeys":["ssh-ed25519 AAAAC3Nz"],
        "scripts":[{"name":"greet","exitCode":3,"output":"no\\nway"}]}}\
      """;

  static final String BROKEN =
      """
      {"apiVersion":"millwright/v1","kind":"Machine",
       "metadata":{"name":"broken-machine","project":"default","labels":{},"uid":"0193-b",
        "generation":1,"revision":3,"createdAt":"2026-11-18T12:00:00Z"},
       "spec":{"image":"debian-12","size":"small","power":"on"},
       "status":{"conditions":[{"type":"Ready","value":"false","reason":"BootFailed",
        "message":"It did not report in time.","since":"2026-11-18T12:30:00Z"}]}}\
      """;

  static final String OPERATION =
      """
      {"apiVersion":"millwright/v1","kind":"Operation",
       "metadata":{"name":"0193-op","project":"default","uid":"0193-op",
        "createdAt":"2026-11-21T11:57:00Z"},
       "spec":{"verb":"create","title":"create Machine hello",
        "target":{"kind":"Machine","name":"hello","uid":"0193-a"},"generation":1,
        "requestedBy":"admin","cancelRequested":false},
       "status":{"conditions":[],"state":"%s","message":"%s","percent":50,
       "startedAt":"2026-11-21T11:57:00Z",%s
       "steps":[
        {"key":"create-disk/x","title":"create the system disk of 8GiB","state":"done",
         "attempts":1,"startedAt":"2026-11-21T11:57:00.100Z","endedAt":"2026-11-21T11:57:00.420Z"},
        {"key":"define/","title":"define the machine","state":"done","attempts":3,
         "message":"hypervisor busy",
         "startedAt":"2026-11-21T11:57:01Z","endedAt":"2026-11-21T11:57:02Z"},
        {"key":"await-ready","title":"wait until it reports ready","state":"%s","attempts":1,
         "percent":30,"message":"%s","startedAt":"2026-11-21T11:57:02Z"%s},
        {"key":"eject","title":"eject the seed","state":"pending","attempts":0}]}}\
      """;

  private Samples() {}

  static String running() {
    return OPERATION.formatted("running", "", "", "running", "", "").replace("\n", "");
  }

  static String succeeded() {
    return OPERATION
        .formatted(
            "succeeded",
            "",
            "\"endedAt\":\"2026-11-21T11:57:31.5Z\",",
            "done",
            "",
            ",\"endedAt\":\"2026-11-21T11:57:31Z\"")
        .replace("\n", "");
  }

  static String failed() {
    return OPERATION
        .formatted(
            "failed",
            "it did not report within 30 s",
            "\"endedAt\":\"2026-11-21T11:57:32Z\",",
            "failed",
            "no report",
            ",\"endedAt\":\"2026-11-21T11:57:32Z\"")
        .replace("\n", "");
  }

  static String list(String... items) {
    return "{\"apiVersion\":\"millwright/v1\",\"kind\":\"MachineList\",\"items\":["
        + String.join(",", items)
        + "]}";
  }

  static String oneLine(String json) {
    return json.replaceAll("\\n\\s*", "");
  }
}
