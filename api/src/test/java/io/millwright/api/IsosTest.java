package io.millwright.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.api.Rig.Reply;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Answer files and media of machines that are only described, over HTTP. */
@Tag("database")
class IsosTest {
  private final Rig rig = Rig.shared();

  private static final String HASH = "$6$secretsalt$" + "s".repeat(86);
  private static final String BUNDLE =
      """
      apiVersion: millwright/v1
      kind: Machine
      metadata: {name: carried}
      spec:
        image: img
        size: small
        profiles: [base]
        nics: [{network: site, ipv4: 10.0.0.9}]
      ---
      apiVersion: millwright/v1
      kind: Network
      metadata: {name: site}
      spec: {subnets: [{cidr: 10.0.0.0/24, gateway: 10.0.0.1}]}
      ---
      apiVersion: millwright/v1
      kind: Profile
      metadata: {name: base}
      spec: {users: [{name: anna, sudo: true, passwordHash: "%s"}]}
      """
          .formatted(HASH);

  @Test
  void showsTheAnswersOfAnyInstallerAndKeepsNothing() {
    for (String installer : new String[] {"debian-13", "ubuntu-24.04", "rocky-9"}) {
      Reply reply = rig.post("projects/default/renderings?installer=" + installer, BUNDLE);
      assertThat(reply.status()).as(reply.raw().body()).isEqualTo(200);
      assertThat(reply.json().path("files").size()).isPositive();
      assertThat(reply.raw().body()).contains("10.0.0.9").doesNotContain(HASH);
    }
    assertThat(rig.get("projects/default/machines/carried").status()).isEqualTo(404);
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    Reply family = rig.post("projects/default/renderings?installer=debain-13", BUNDLE);
    assertThat(family.status()).isEqualTo(400);
    assertThat(family.raw().body()).contains("no known system");
    Reply golden = rig.post("projects/default/isos", BUNDLE);
    assertThat(golden.status()).isEqualTo(400);
    assertThat(golden.raw().body()).contains("spec.installer");
  }

  @Test
  void sendsASeedWholeAndByRanges() {
    String path = "projects/default/isos?installer=rocky-9&medium=seed";
    Reply whole = rig.post(path, BUNDLE);
    assertThat(whole.status()).as(whole.raw().body()).isEqualTo(200);
    assertThat(whole.header("Content-Disposition")).contains("carried.iso");
    long size = Long.parseLong(whole.header("Content-Length"));
    Reply part = rig.post(path, BUNDLE, "Range", "bytes=32768-32775");
    assertThat(part.status()).isEqualTo(206);
    // ECMA-119 section 8.1: the first descriptor of a volume.
    assertThat(part.raw().body()).isEqualTo("\u0001CD001\u0001\u0000");
    assertThat(part.header("Content-Range")).isEqualTo("bytes 32768-32775/" + size);
    assertThat(part.header("ETag")).isEqualTo(whole.header("ETag"));
    assertThat(rig.post(path, BUNDLE, "Range", "bytes=" + size + "-").status()).isEqualTo(416);
  }
}
