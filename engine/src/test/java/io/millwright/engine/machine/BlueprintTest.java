package io.millwright.engine.machine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SecretFields;
import io.millwright.model.GroupSpec;
import io.millwright.model.MachineSpec;
import io.millwright.model.Power;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Spec;
import io.millwright.model.manifest.Json;
import io.millwright.model.manifest.Manifests;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What an upgrade must not change. The hashes and rows were made by the version before machines had
 * bridges and overrides; where a new field changes one of them, all machines of all users would be
 * rebuilt, or their next apply would be a change.
 */
class BlueprintTest {
  private static final SecretBox SECRETS = new SecretBox(new byte[32]);

  private static final String PLAIN =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: plain}
      spec: {image: debian-13, size: small, nics: [{network: lab}]}
      """;

  private static final String PLAIN_ROW =
      """
      {"image":"debian-13","size":"small","firmware":"bios","power":"on",\
      "nics":[{"network":"lab"}],"readyTimeoutSeconds":1800}\
      """;

  private static final String MUCH =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: much}
      spec:
        hypervisor: kvm1
        image: rocky-9
        size: large
        profiles: [base, web]
        firmware: uefi
        power: "off"
        hostname: web-1
        nics:
          - {name: a, network: lab, mac: "52:54:00:00:00:01", ipv4: none, ipv6: none}
          - {name: b, network: lab}
          - network: other
            ipv4: 10.0.1.9
            ipv6: slaac
            routes: [{to: 10.9.0.0/16, via: 10.0.1.1, metric: 7}]
        bonds: [{name: bond0, mode: lacp, members: [a, b], network: lab, ipv4: 10.0.0.9}]
        vlans: [{name: v7, link: bond0, id: 7, network: tagged, ipv4: dhcp, ipv6: none}]
        volumes: [data]
        readyTimeoutSeconds: 600
        drift: report
      """;

  private static final String MUCH_ROW =
      """
      {"hypervisor":"kvm1","image":"rocky-9","size":"large","profiles":["base","web"],\
      "firmware":"uefi","power":"off","hostname":"web-1",\
      "nics":[{"name":"a","network":"lab","mac":"52:54:00:00:00:01","ipv4":"none","ipv6":"none"},\
      {"name":"b","network":"lab"},\
      {"network":"other","ipv4":"10.0.1.9","ipv6":"slaac",\
      "routes":[{"to":"10.9.0.0/16","via":"10.0.1.1","metric":7}]}],\
      "bonds":[{"name":"bond0","mode":"lacp","members":["a","b"],"network":"lab",\
      "ipv4":"10.0.0.9"}],\
      "vlans":[{"name":"v7","link":"bond0","id":7,"network":"tagged","ipv4":"dhcp",\
      "ipv6":"none"}],"volumes":["data"],"readyTimeoutSeconds":600,"drift":"report"}\
      """;

  private static final String MANY =
      """
      apiVersion: millwright/v1
      kind: Group
      metadata: {name: many}
      spec:
        count: 2
        machine:
          labels: {tier: web}
          image: debian-13
          size: small
          profiles: [base]
          nics: [{network: lab, ipv6: none}]
          volumes: [{name: data, size: 1GiB}]
      """;

  private static final String MANY_ROW =
      """
      {"count":2,"machine":{"labels":{"tier":"web"},"image":"debian-13","size":"small",\
      "profiles":["base"],"firmware":"bios","nics":[{"network":"lab","ipv6":"none"}],\
      "volumes":[{"name":"data","size":"1GiB","reclaim":"retain","quarantineDays":7}],\
      "readyTimeoutSeconds":1800},"spread":{"hypervisors":[],"rule":"soft"},\
      "rollout":{"maxUnavailable":1,"surge":0,"canary":0,"pause":"never",\
      "healthGate":{"minHealthySeconds":0,"timeoutSeconds":300},"onFailure":"stop"}}\
      """;

  private static final String PROFILE =
      """
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: base}
      spec: {packages: [curl], scripts: [{name: a, content: "#!/bin/sh\\n"}], locale: de_AT.UTF-8}
      """;

  private static Spec declared(String manifest) {
    return Manifests.parse(manifest.getBytes(UTF_8), "test").getFirst().spec();
  }

  private static String blueprint(String manifest) {
    return Blueprint.of((MachineSpec) declared(manifest), "host", SECRETS);
  }

  @Test
  void noMachineIsRebuiltByAnUpgrade() {
    assertThat(Blueprint.of((MachineSpec) declared(PLAIN), "plain", SECRETS))
        .isEqualTo("bc7187282daa5a6c3c181879848b1d01");
    assertThat(Blueprint.of((MachineSpec) declared(MUCH), "much", SECRETS))
        .isEqualTo("36ef24a8e7cf5ea6b90c1681307653ad");
    MachineSpec member = ((GroupSpec) declared(MANY)).machine().spec(null, Power.ON, List.of());
    assertThat(Blueprint.of(member, "many", SECRETS)).isEqualTo("d2188c1a14eb949f68bc1934af3e7c52");
  }

  /** Recorded by the version before hashes were secret: sealed, and sealed anew, it is the same. */
  @Test
  void noMachineIsRebuiltBecauseItsUsersHashIsSealed() {
    String hash =
        "$6$abcdefgh$0123456789012345678901234567890123456789012345678901234567890123456789012345678901234";
    MachineSpec clear =
        (MachineSpec)
            declared(with("overrides: {users: [{name: eva, passwordHash: \"" + hash + "\"}]}"));
    String recorded = "7af911a9e986238905d49df92ca3f4a0";
    assertThat(Blueprint.of(clear, "plain", SECRETS)).isEqualTo(recorded);
    for (int i = 0; i < 2; i++) {
      MachineSpec sealed = SecretFields.each(clear, (value, before, at) -> SECRETS.seal(value));
      assertThat(Json.write(sealed)).contains("sealed:1:").doesNotContain(hash);
      assertThat(Blueprint.of(sealed, "plain", SECRETS)).isEqualTo(recorded);
    }
    MachineSpec other =
        SecretFields.each(clear, (value, before, at) -> SECRETS.seal(value.replace('9', '8')));
    assertThat(Blueprint.of(other, "plain", SECRETS)).isNotEqualTo(recorded);
  }

  /** What was stored is the same as what is declared by the same manifest, so that is no change. */
  @Test
  void whatWasStoredIsWhatTheSameManifestSays() {
    same(PLAIN, PLAIN_ROW, MachineSpec.class);
    same(MUCH, MUCH_ROW, MachineSpec.class);
    same(MANY, MANY_ROW, GroupSpec.class);
    same(
        PROFILE,
        """
        {"packages":["curl"],"scripts":[{"name":"a","content":"#!/bin/sh\\n"}],\
        "locale":"de_AT.UTF-8"}\
        """,
        ProfileSpec.class);
  }

  private static void same(String manifest, String row, Class<? extends Spec> type) {
    Spec declared = declared(manifest);
    assertThat(Json.read(row, type)).isEqualTo(declared);
    assertThat(Json.write(declared)).isEqualTo(row);
  }

  /** An empty layer and an empty list of bridges say nothing. */
  @Test
  void aFirstBootIsNeededForWhatSaysSomethingAndNoOther() {
    String same = blueprint(PLAIN);
    for (String nothing :
        List.of(
            "bridges: []", "overrides: {}", "overrides: {storage: {}}", "overrides: {ntp: []}")) {
      assertThat(blueprint(with(nothing))).as(nothing).isEqualTo(same);
    }
    assertThat(
            List.of(
                same,
                blueprint(with("overrides: {keyboard: de}")),
                blueprint(
                    with("overrides: {commands: {after: [{name: a, content: \"#!/bin/sh\"}]}}")),
                blueprint(with("bridges: [{name: br0, members: [nic0], network: lab}]")),
                blueprint(card("dns: []")),
                blueprint(card("dns: [10.0.0.53]")),
                blueprint(card("search: []")),
                blueprint(card("search: [lab.test]"))))
        .doesNotHaveDuplicates();
  }

  private static String card(String more) {
    return PLAIN.replace("network: lab}", "network: lab, " + more + "}");
  }

  private static String with(String more) {
    return PLAIN.replace("network: lab}]}", "network: lab}], " + more + "}");
  }
}
