package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Projects have no more than their quota says. */
@Tag("database")
class LimitsTest {
  private final Rig rig = Rig.shared();

  private void limit(String project, String quota) {
    Reply reply = rig.put("projects/" + project + "/quota", quota);
    assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
  }

  private Reply machine(String project, String name) {
    return rig.put("projects/" + project + "/machines/" + name, Rig.machine(name));
  }

  private JsonNode used(String project) {
    return rig.get("projects/" + project).json().path("used");
  }

  @Test
  void whatIsTooMuchIsRefusedWithTheNumbers() {
    limit("l1", "{machines: 3, cores: 2, memory: 1GiB, disk: 10GiB}");
    assertThat(machine("l1", "a").status()).isEqualTo(202);
    assertThat(machine("l1", "b").status()).isEqualTo(202);
    Reply third = machine("l1", "c");
    assertThat(third.status()).isEqualTo(409);
    assertThat(third.json().path("type").asString()).endsWith("quota-exceeded");
    assertThat(third.json().path("detail").asString())
        .isEqualTo(
            "project l1 would have 3 cores, and may have 2; delete something, or ask for a larger"
                + " quota");
    assertThat(third.json().path("errors").path(0).path("field").asString())
        .isEqualTo("quota.cores");
    assertThat(rig.get("projects/l1/machines/c").status()).isEqualTo(404);
    assertThat(used("l1").path("machines").asInt()).isEqualTo(2);
    assertThat(used("l1").path("memory").asString()).isEqualTo("512MiB");
    assertThat(used("l1").path("disk").asString()).isEqualTo("4GiB");
    assertThat(rig.put("projects/l1/volumes/v", Rig.volume("v", "7GiB")).status()).isEqualTo(409);
    assertThat(rig.put("projects/l1/volumes/v", Rig.volume("v", "6GiB")).status()).isEqualTo(202);
    assertThat(rig.post("apply?project=l1&dryRun=true", Rig.machine("c")).status())
        .as("the plan says so, too")
        .isEqualTo(409);
  }

  @Test
  void aProjectsOwnSizeDoesNotGrowBeyondItsQuota() {
    rig.apply("l11", Rig.size("own", 1, "") + "---\n" + Rig.size("unused", 1, ""));
    Reply made =
        rig.put("projects/l11/machines/a", Rig.machine("a").replace("size: small", "size: own"));
    assertThat(made.status()).isEqualTo(202);
    limit("l11", "{cores: 2}");
    Reply more = rig.put("projects/l11/sizes/own", Rig.size("own", 3, ""));
    assertThat(more.status()).isEqualTo(409);
    assertThat(more.json().path("detail").asString()).contains("would have 3 cores, and may have");
    assertThat(used("l11").path("cores").asInt()).isEqualTo(1);
    assertThat(rig.put("projects/l11/sizes/own", Rig.size("own", 2, "")).status()).isEqualTo(200);
    limit("l11", "{cores: 1}");
    assertThat(rig.put("projects/l11/sizes/unused", Rig.size("unused", 9, "")).status())
        .as("nobody has it")
        .isEqualTo(200);
    assertThat(rig.put("projects/l11/sizes/own", Rig.size("own", 1, "")).status())
        .as("less is never too much")
        .isEqualTo(200);
  }

  @Test
  void noSizeOfAProjectTakesThePlaceOfASharedOneThatMachinesHave() {
    assertThat(machine("l12", "a").status()).isEqualTo(202);
    Reply hides = rig.post("projects/l12/sizes", Rig.size("small", 64, ""));
    assertThat(hides.status()).isEqualTo(400);
    assertThat(hides.raw().body()).contains("is that of a shared Size, which Machine a has");
    rig.apply(
        "l14",
        """
        apiVersion: millwright/v1
        kind: Group
        metadata: {name: web}
        spec: {count: 0, machine: {image: img, size: small}}
        """);
    assertThat(rig.post("projects/l14/sizes", Rig.size("small", 64, "")).raw().body())
        .as("the next members would have it")
        .contains("is that of a shared Size, which Group web has");
    assertThat(rig.post("projects/l13/sizes", Rig.size("small", 64, "")).status())
        .as("nobody has the shared one there")
        .isEqualTo(201);
  }

  @Test
  void whatIsThereStaysThoughItBeMore() {
    assertThat(machine("l2", "a").status()).isEqualTo(202);
    assertThat(machine("l2", "b").status()).isEqualTo(202);
    limit("l2", "{machines: 1}");
    assertThat(rig.post("projects/l2/machines/a:power-off").status()).isEqualTo(202);
    assertThat(
            rig.put(
                    "projects/l2/machines/a",
                    Rig.machine("a").replace("{name: a}", "{name: a, labels: {x: y}}"))
                .status())
        .isLessThan(300);
    assertThat(machine("l2", "c").status()).isEqualTo(409);
    limit("l2", "{}");
    assertThat(machine("l2", "c").status()).isEqualTo(202);
    assertThat(rig.put("projects/l2/quota", "{machines: -1}").status()).isEqualTo(400);
  }

  @Test
  void addressesAreCountedWhereverTheyAre() {
    rig.apply(
        "l10",
        """
        apiVersion: millwright/v1
        kind: Network
        metadata: {name: net}
        spec:
          subnets: [{cidr: 10.10.0.0/24}, {cidr: "fd00:10::/64"}]
          attachments: [{hypervisor: sim, bridge: br0}]
        """);
    limit("l10", "{addresses: 3}");
    assertThat(plugged("a", "{network: net}").status()).isEqualTo(202);
    Reply both = plugged("b", "{network: net}");
    assertThat(both.status()).isEqualTo(409);
    assertThat(both.json().path("detail").asString())
        .startsWith("project l10 would have 4 addresses, and may have 3;");
    assertThat(both.json().path("errors").path(0).path("field").asString())
        .isEqualTo("quota.addresses");
    assertThat(plugged("c", "{network: net, ipv6: none}").status()).isEqualTo(202);
    assertThat(plugged("d", "{network: net, ipv4: dhcp, ipv6: none}").status())
        .as("what somebody else gives it is not counted")
        .isEqualTo(202);
    assertThat(used("l10").path("addresses").asInt()).isEqualTo(3);
    assertThat(plugged("d", "{network: net, ipv6: none}").json().path("detail").asString())
        .as("with as many interfaces as before")
        .startsWith("project l10 would have 4 addresses, and may have 3;");
    assertThat(used("l10").path("addresses").asInt()).isEqualTo(3);
    assertThat(plugged("c", "{network: net, ipv4: dhcp, ipv6: none}").status()).isEqualTo(202);
    assertThat(plugged("d", "{network: net, ipv6: none}").status())
        .as("in the place of another one")
        .isEqualTo(202);
  }

  private Reply plugged(String name, String nic) {
    return rig.put(
        "projects/l10/machines/" + name,
        Rig.machine(name).replace("size: small}", "size: small, nics: [" + nic + "]}"));
  }

  @Test
  void machinesLiveNoLongerThanTheirProjectLets() {
    assertThat(machine("l9", "old").status()).isEqualTo(202);
    limit("l9", "{ttl: 2d}");
    assertThat(mortal("a", "ttl: 1d").status()).isEqualTo(202);
    Reply forEver = machine("l9", "b");
    assertThat(forEver.status()).isEqualTo(400);
    assertThat(forEver.raw().body())
        .contains("spec.expiry", "is missing; machines of project l9 live 2d at most");
    assertThat(mortal("b", "ttl: 3d").raw().body()).contains("is too long; machines of project l9");
    assertThat(mortal("b", "leash: 60s").raw().body()).contains("has neither ttl nor at");
    assertThat(mortal("b", "at: 2999-01-01T00:00:00Z").status()).isEqualTo(400);
    assertThat(machine("l9", "a").raw().body()).as("to take the end away").contains("is missing");
    assertThat(rig.post("projects/l9/machines/a:extend?ttl=47h").status()).isEqualTo(200);
    Reply longer = rig.post("projects/l9/machines/a:extend?ttl=3d");
    assertThat(longer.status()).isEqualTo(409);
    assertThat(longer.raw().body()).contains("cannot be extended: machines of project l9 live 2d");
    assertThat(
            rig.put(
                    "projects/l9/machines/old",
                    Rig.machine("old").replace("{name: old}", "{name: old, labels: {x: y}}"))
                .status())
        .as("what is there stays")
        .isLessThan(300);
    assertThat(rig.put("projects/l9/quota", "{ttl: 0s}").raw().body()).contains("must be 1s to");
  }

  private Reply mortal(String name, String expiry) {
    return rig.put(
        "projects/l9/machines/" + name,
        Rig.machine(name).replace("size: small}", "size: small, expiry: {" + expiry + "}}"));
  }

  @Test
  void ofManyWhoAskForTheLastPlaceAtOnceOneHasIt() throws Exception {
    limit("l3", "{machines: 5}");
    for (int i = 0; i < 4; i++) {
      assertThat(machine("l3", "m" + i).status()).isEqualTo(202);
    }
    List<Callable<Reply>> all = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      String name = "last" + i;
      all.add(() -> machine("l3", name));
    }
    Map<Integer, Integer> answers = new TreeMap<>();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      while (!all.isEmpty()) {
        List<Callable<Reply>> again = new ArrayList<>();
        List<Future<Reply>> asked = pool.invokeAll(all);
        for (int i = 0; i < asked.size(); i++) {
          Reply reply = asked.get(i).get();
          if (reply.status() == 503) {
            // On a slow machine some wait longer for a connection than anybody should.
            assertThat(reply.raw().body()).contains("try again").doesNotContain("not reachable");
            again.add(all.get(i));
            continue;
          }
          answers.merge(reply.status(), 1, Integer::sum);
          if (reply.status() == 409) {
            assertThat(reply.json().path("type").asString()).endsWith("quota-exceeded");
          }
        }
        all = again;
      }
    }
    assertThat(answers).isEqualTo(Map.of(202, 1, 409, 999));
    assertThat(used("l3").path("machines").asInt()).isEqualTo(5);
  }
}
