package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Addressing;
import io.millwright.model.Condition;
import io.millwright.model.Ids;
import io.millwright.model.ImageStatus;
import io.millwright.model.Ip;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.NetworkSpec;
import io.millwright.model.Operation;
import io.millwright.model.Violations;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class JsonTest {
  private static final Instant NOW = Instant.parse("2026-11-21T10:00:00.123456Z");

  @Test
  void writesWordsTextsAndInstants() {
    Condition ready = new Condition("Ready", Condition.Value.TRUE, "Up", "It is up.", NOW);
    ImageStatus status =
        new ImageStatus(List.of(ready), null, 3L, null, NOW, null, null, List.of());
    String json = Json.write(status);
    assertThat(json)
        .isEqualTo(
            "{\"conditions\":[{\"type\":\"Ready\",\"value\":\"true\",\"reason\":\"Up\","
                + "\"message\":\"It is up.\",\"since\":\"2026-11-21T10:00:00.123456Z\"}],"
                + "\"fileSize\":3,\"finishedAt\":\"2026-11-21T10:00:00.123456Z\"}");
    assertThat(Json.read(json, ImageStatus.class)).isEqualTo(status);
  }

  @Test
  void readsOlderAndNewerRows() {
    assertThat(Json.read("{\"fileSize\":3,\"colour\":\"red\"}", ImageStatus.class))
        .isEqualTo(new ImageStatus(List.of(), null, 3L, null, null, null, null, List.of()));
  }

  @Test
  void anEmptyListIsKeptWhereItSaysSomething() {
    NetworkSpec spec =
        new NetworkSpec(
            null, null, "lab.test", List.of(), List.of(), List.of(), List.of(), null, null);
    assertThat(Json.write(spec)).isEqualTo("{\"domain\":\"lab.test\",\"search\":[]}");
    assertThat(Json.read(Json.write(spec), NetworkSpec.class)).isEqualTo(spec);
  }

  @Test
  void cardsWithoutNamesStayWithout() {
    MachineSpec.Nic nic =
        new MachineSpec.Nic(
            "",
            "lab",
            null,
            new Addressing.Fixed(Ip.parse("10.0.0.5")),
            null,
            List.of(),
            null,
            null);
    assertThat(Json.write(nic)).isEqualTo("{\"network\":\"lab\",\"ipv4\":\"10.0.0.5\"}");
    assertThat(Json.read(Json.write(nic), MachineSpec.Nic.class)).isEqualTo(nic);
  }

  /** No list is the network's, an empty one is none. */
  @Test
  void anInterfacesEmptyListsAreNotThoseOfItsNetwork() {
    for (String none : List.of("\"dns\":[]", "\"search\":[]")) {
      String json = "{\"network\":\"lab\"," + none + "}";
      MachineSpec.Nic nic = Json.read(json, MachineSpec.Nic.class);
      assertThat(nic).isNotEqualTo(Json.read("{\"network\":\"lab\"}", MachineSpec.Nic.class));
      assertThat(Json.write(nic)).isEqualTo(json);
      assertThat(YamlReader.documents(Json.yaml(nic)).getFirst())
          .satisfies(node ->
              assertThat(Decoder.record(MachineSpec.Nic.class, node, Violations.at(""), Set.of()))
                  .isEqualTo(nic));
    }
  }

  @Test
  void keepsOperations() {
    for (Operation.State state :
        List.of(
            new Operation.State.Pending(),
            new Operation.State.Waiting("Unreachable", "It does not answer.", NOW),
            new Operation.State.Failed("Refused", "No."),
            new Operation.State.Superseded())) {
      Operation operation =
          new Operation(
              Ids.next(() -> NOW),
              "shop",
              Operation.Verb.CREATE,
              new Operation.Target(Kind.MACHINE, Ids.next(() -> NOW), "hello"),
              1,
              state,
              "admin",
              NOW,
              null,
              null,
              false,
              0,
              List.of(Operation.StepRecord.planned("disk", "Make the disk").begun(NOW)));
      String json = Json.write(operation);
      assertThat(json)
          .contains("\"state\":{\"word\":\"" + state.word() + "\"")
          .contains("\"kind\":\"Machine\"")
          .contains("\"verb\":\"create\"");
      assertThat(Json.read(json, Operation.class)).isEqualTo(operation);
    }
  }

  @Test
  void yamlIsReadable() {
    String manifest =
        ManifestsTest.profile(
            """
            users:
              - {name: anna, sudo: true}
            files:
              - {path: /etc/motd, content: "12"}
              - {path: /etc/issue, content: "on"}
            scripts:
              - name: hello
                content: |
                  #!/bin/sh
                  echo hello
            """);
    assertThat(Json.yaml(ManifestsTest.parse(manifest).getFirst().spec()))
        .isEqualTo(
            """
            users:
            - name: anna
              sudo: true
              shell: /bin/bash
            files:
            - path: /etc/motd
              content: "12"
              mode: "0644"
              owner: root:root
            - path: /etc/issue
              content: "on"
              mode: "0644"
              owner: root:root
            scripts:
            - name: hello
              content: |
                #!/bin/sh
                echo hello
            """);
  }
}
