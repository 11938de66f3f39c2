package io.millwright.images;

import io.millwright.model.ProfileSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A shell script that finishes an installed Linux from inside, before its first boot: users, keys,
 * files, and what an installer cannot say itself. It needs a POSIX shell, base64 and the commands
 * of the shadow suite, and can be run again.
 *
 * <p>It stands for cloud-init where an installer's medium does not have that, and comes to the same
 * result. Texts of the user's choice are in it in base64 or in quotes.
 */
final class Finish {
  static final String PASSWORD_LOGIN = "/etc/ssh/sshd_config.d/20-millwright.conf";
  static final String SUDOERS = "/etc/sudoers.d/90-millwright";

  /** For daemons whose own file does not name the directory yet. */
  static final String READ_SSHD_DIRECTORY =
      "if [ -e /etc/ssh/sshd_config ] && ! grep -qs '^Include /etc/ssh/sshd_config.d/'"
          + " /etc/ssh/sshd_config; then"
          + " sed -i '1s|^|Include /etc/ssh/sshd_config.d/*.conf\\n|' /etc/ssh/sshd_config; fi";

  private Finish() {}

  /** What a profile must not have, because it is written here. */
  static List<Refusal> check(InstallSpec spec) {
    List<Refusal> out = new ArrayList<>();
    List<ProfileSpec.File> files = spec.profile().files();
    for (int i = 0; i < files.size(); i++) {
      String path = files.get(i).path();
      if (path.startsWith("/var/lib/millwright/")
          || path.equals(PASSWORD_LOGIN)
          || path.equals(SUDOERS)
          || path.equals(FirstBoot.UNIT)) {
        out.add(
            new Refusal(
                "profile.files[" + i + "].path", "is a file that Millwright itself writes"));
      }
    }
    return out;
  }

  /**
   * The script.
   *
   * @param files what the system needs beside what the profile asks for
   * @param commands to run once all files are there; constants of ours
   */
  static String script(InstallSpec spec, List<TargetFile> files, List<String> commands) {
    ProfileSpec profile = spec.profile();
    Installation how = spec.installation();
    List<TargetFile> before = new ArrayList<>();
    before.add(TargetFile.ofRoot("/etc/hostname", "0644", spec.identity().hostname() + "\n"));
    before.add(
        TargetFile.ofRoot(
            PASSWORD_LOGIN,
            "0600",
            "PasswordAuthentication " + (passwords(profile) ? "yes" : "no") + "\n"));
    List<String> sudoers =
        profile.users().stream()
            .filter(ProfileSpec.User::sudo)
            .map(u -> u.name() + " ALL=(ALL) NOPASSWD:ALL\n")
            .toList();
    if (!sudoers.isEmpty()) {
      before.add(TargetFile.ofRoot(SUDOERS, "0440", String.join("", sudoers)));
    }
    before.addAll(files);
    profile
        .files()
        .forEach(f -> before.add(new TargetFile(f.path(), f.mode(), f.owner(), f.content())));
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("fqdn", spec.identity().fqdn());
    values.put("hostname", spec.identity().hostname());
    values.put("users", profile.users().stream().map(Finish::user).toList());
    values.put("files", before);
    values.put("commands", commands);
    values.put(
        "after",
        how == null
            ? List.of()
            : how.after().stream()
                .map(s ->
                    TargetFile.ofRoot("/var/lib/millwright/after/" + s.name(), "0700", s.content()))
                .toList());
    return Template.fill("finish.peb", values);
  }

  /** True if somebody may log in with a password. */
  static boolean passwords(ProfileSpec profile) {
    return profile.users().stream().anyMatch(u -> u.passwordHash() != null);
  }

  private static Map<String, Object> user(ProfileSpec.User user) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", user.name());
    out.put("shell", user.shell());
    out.put("groups", user.groups());
    // No password is "*": to an sshd without PAM "!" is an account that is locked, key or not.
    String hash = user.passwordHash();
    out.put("password", hash == null ? "*" : hash);
    out.put(
        "keys",
        user.keys().isEmpty()
            ? ""
            : TargetFile.ofRoot("", "", String.join("\n", user.keys()) + "\n").base64());
    return out;
  }
}
