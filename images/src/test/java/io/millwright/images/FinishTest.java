package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.ProfileSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** The script that finishes a system, read by a real shell in which its commands only note down. */
class FinishTest {
  private static final String OWN = "# What follows is this machine's own.\n";

  private static final String NOTE =
      """
      PATH=/nonexistent
      note() {
        printf '%s\\0' "$#" "$@"
        while IFS= read -r line; do printf '%s\\n' "$line"; done
        printf '\\0'
      }
      put() { note put "$@"; }
      user() { note user "$@" </dev/null; }
      join() { note join "$@" </dev/null; }
      keys() { note keys "$@"; }
      names() { note names "$@" </dev/null; }
      chpasswd() { note chpasswd "$@"; }
      run() { note run "$@" </dev/null; }
      power_off() { note power_off </dev/null; }
      password() { note password "$@"; }
      no_password() { note no_password "$@" </dev/null; }
      include() { note include "$@" </dev/null; }
      locale() { note locale "$@" </dev/null; }
      tzsetup() { note tzsetup "$@" </dev/null; }
      systemctl() { :; }
      alias rc-update=:
      sed() { :; }
      grep() { :; }
      ln() { :; }
      """;

  /** The commands with their arguments and at last their input, decoded if it is in base64. */
  static List<List<String>> calls(String script) throws IOException, InterruptedException {
    Path file = Files.createTempFile("finish", ".sh");
    Path out = Files.createTempFile("finish", ".out");
    try {
      assertThat(script).containsOnlyOnce(OWN);
      Files.writeString(file, "set -eu\n" + NOTE + script.substring(script.indexOf(OWN)));
      Process process =
          new ProcessBuilder("/bin/sh", file.toString())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      int code = process.waitFor();
      String text = Files.readString(out, StandardCharsets.UTF_8);
      assertThat(code).as(text).isZero();
      List<List<String>> calls = new ArrayList<>();
      List<String> words = new ArrayList<>(Arrays.asList(text.split("\0", -1)));
      assertThat(words.removeLast()).isEmpty();
      for (int i = 0; i < words.size(); ) {
        int count = Integer.parseInt(words.get(i));
        List<String> call = new ArrayList<>(words.subList(i + 1, i + 1 + count));
        String input = words.get(i + 1 + count);
        boolean plain = call.getFirst().endsWith("passwd") || call.getFirst().equals("password");
        call.add(
            plain
                ? input
                : new String(Base64.getMimeDecoder().decode(input), StandardCharsets.UTF_8));
        calls.add(call);
        i += count + 2;
      }
      return calls;
    } finally {
      Files.delete(file);
      Files.delete(out);
    }
  }

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec();
  }

  @Property
  void doesWhatTheProfileSaysAndNoMore(@ForAll("spec") InstallSpec spec) throws Exception {
    ProfileSpec profile = spec.profile();
    List<List<String>> expected = new ArrayList<>();
    for (ProfileSpec.User user : profile.users()) {
      expected.add(List.of("user", user.name(), user.shell(), ""));
      user.groups().forEach(group -> expected.add(List.of("join", user.name(), group, "")));
      String hash = user.passwordHash();
      expected.add(
          List.of("chpasswd", "-e", user.name() + ":" + (hash == null ? "*" : hash) + "\n"));
      if (!user.keys().isEmpty()) {
        expected.add(List.of("keys", user.name(), String.join("\n", user.keys()) + "\n"));
      }
    }
    expected.add(
        List.of("put", "0644", "root", "/etc/hostname", spec.identity().hostname() + "\n"));
    boolean passwords = profile.users().stream().anyMatch(u -> u.passwordHash() != null);
    expected.add(
        List.of(
            "put",
            "0600",
            "root",
            "/etc/ssh/sshd_config.d/20-millwright.conf",
            "PasswordAuthentication " + (passwords ? "yes" : "no") + "\n"));
    StringBuilder sudoers = new StringBuilder();
    profile.users().stream()
        .filter(ProfileSpec.User::sudo)
        .forEach(u -> sudoers.append(u.name()).append(" ALL=(ALL) NOPASSWD:ALL\n"));
    if (!sudoers.isEmpty()) {
      expected.add(
          List.of("put", "0440", "root", "/etc/sudoers.d/90-millwright", sudoers.toString()));
    }
    for (ProfileSpec.File file : profile.files()) {
      expected.add(List.of("put", file.mode(), file.owner(), file.path(), file.content()));
    }
    expected.add(List.of("names", spec.identity().fqdn(), spec.identity().hostname(), ""));
    assertThat(calls(Finish.script(spec, List.of(), List.of()))).isEqualTo(expected);
  }
}
