package io.millwright.images;

import io.millwright.model.PackageSource.Repository;
import io.millwright.model.SigningKey;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A package manager, and how an installed system's is told of further repositories: by a file for
 * each one and its key, which it trusts for nothing else where that can be said.
 */
enum PackageManager {
  /** See sources.list(5), deb822. */
  APT {
    @Override
    Stream<TargetFile> files(Repository one) {
      String key = "/etc/apt/keyrings/" + one.name() + ".asc";
      return Stream.of(
          TargetFile.ofRoot(key, "0644", one.key() + "\n"),
          TargetFile.ofRoot(
              "/etc/apt/sources.list.d/" + one.name() + ".sources",
              "0644",
              "Types: deb\nURIs: "
                  + one.url()
                  + "\nSuites: "
                  + one.suite()
                  + "\n"
                  + (one.components().isEmpty()
                      ? ""
                      : "Components: " + String.join(" ", one.components()) + "\n")
                  + "Signed-By: "
                  + key
                  + "\n"));
    }
  },
  /** See dnf.conf(5). */
  DNF {
    @Override
    Stream<TargetFile> files(Repository one) {
      String key = "/etc/pki/rpm-gpg/RPM-GPG-KEY-" + one.name();
      return Stream.of(
          TargetFile.ofRoot(key, "0644", one.key() + "\n"),
          TargetFile.ofRoot(
              "/etc/yum.repos.d/" + one.name() + ".repo",
              "0644",
              "[%s]\nname=%s\nbaseurl=%s\nenabled=1\ngpgcheck=1\ngpgkey=file://%s\n"
                  .formatted(one.name(), one.name(), one.url(), key)));
    }
  },
  /** Its installers, AutoYaST and Agama, leave in the system what they are told themselves. */
  ZYPP {
    @Override
    Stream<TargetFile> files(Repository one) {
      return Stream.of();
    }
  },
  /** See apk-repositories(5) and apk-keys(5). */
  APK {
    @Override
    Stream<TargetFile> files(Repository one) {
      return Stream.of(
          TargetFile.ofRoot("/etc/apk/keys/" + one.keyName(), "0644", one.key() + "\n"),
          TargetFile.ofRoot(
              "/etc/apk/repositories.d/" + one.name() + ".list", "0644", one.url() + "\n"));
    }
  },
  /** See pkg.conf(5); {@code ${ABI}} and its like cannot stand in a URL, {@code $ABI} can. */
  PKG {
    @Override
    Stream<TargetFile> files(Repository one) {
      String key = "/usr/local/etc/pkg/keys/" + one.name() + ".pub";
      return Stream.of(
          TargetFile.ofRoot(key, "0644", one.key() + "\n"),
          TargetFile.ofRoot(
              "/usr/local/etc/pkg/repos/" + one.name() + ".conf",
              "0644",
              ("\"%s\": {\n  url: \"%s\",\n  signature_type: \"pubkey\",\n  pubkey: \"%s\",\n"
                      + "  enabled: yes\n}\n")
                  .formatted(one.name(), one.url(), key)));
    }
  };

  private static final String OPEN_PGP =
      "this system's packages are signed by an OpenPGP key: give that one, in ASCII armour";

  private static final Map<String, PackageManager> OF_CLONES =
      Map.of(
          "debian", APT,
          "ubuntu", APT,
          "rhel", DNF,
          "almalinux", DNF,
          "rocky", DNF,
          "centos-stream", DNF,
          "fedora", DNF,
          "alpine", APK,
          "freebsd", PKG);

  /** That of a clone of this family, if a clone can be told of repositories. */
  static Optional<PackageManager> ofClone(String os) {
    return Optional.ofNullable(OF_CLONES.get(os));
  }

  /** The files of one repository; their paths hold no letter that a shell minds. */
  abstract Stream<TargetFile> files(Repository one);

  /** The files by which an installed system knows these. */
  List<TargetFile> files(List<Repository> repositories) {
    return repositories.stream().flatMap(this::files).toList();
  }

  /** Refuses what this package manager cannot be told. */
  void check(String field, List<Repository> repositories, List<Refusal> out) {
    for (int i = 0; i < repositories.size(); i++) {
      Repository one = repositories.get(i);
      String at = field + "[" + i + "].";
      if (this == APT) {
        if (one.suite() == null) {
          out.add(new Refusal(at + "suite", "is needed by apt, such as bookworm"));
        }
        if (one.url().toString().indexOf('$') >= 0) {
          out.add(new Refusal(at + "url", "has a '$', but apt knows no variables there"));
        }
      } else if (one.suite() != null) {
        out.add(new Refusal(at + "suite", "is known to apt only; leave it out"));
      }
      boolean rsa = this == APK || this == PKG;
      if (SigningKey.parse(one.key()).isOpenPgp() == rsa) {
        out.add(
            new Refusal(
                at + "key",
                rsa
                    ? "this system's packages are signed by an RSA key: give that one, in PEM"
                    : OPEN_PGP));
      }
      if (this == APK && one.keyName() == null) {
        out.add(
            new Refusal(
                at + "keyName",
                "is needed: apk finds the key by its file name, such as"
                    + " build@example.org-5f3a1b2c.rsa.pub"));
      }
      if (this != APK && one.keyName() != null) {
        out.add(new Refusal(at + "keyName", "is known to Alpine only; leave it out"));
      }
    }
  }

  /** The same for an installer, whose field that is. */
  void check(Source source, List<Refusal> out) {
    String key = source.repositoryKey();
    if (key != null && !SigningKey.parse(key).isOpenPgp()) {
      out.add(new Refusal("installation.source.repositoryKey", OPEN_PGP));
    }
    check("installation.source.repositories", source.repositories(), out);
  }

  /** For an installer that has to reach them, by a card that it can set up. */
  static void demandCard(InstallSpec spec, Source source, List<Refusal> out) {
    if ((source.mirror() != null || !source.repositories().isEmpty())
        && InstallerCard.of(spec).isEmpty()) {
      out.add(
          new Refusal(
              "interfaces",
              "the installer needs a card with an address of its own, beside bonds, bridges and"
                  + " VLANs, to fetch packages from "
                  + (source.mirror() != null ? "a mirror" : "further repositories")));
    }
  }

  /** For a system that has no package manager, or is installed from its medium alone. */
  static void none(Source source, String because, List<Refusal> out) {
    if (!source.repositories().isEmpty()) {
      out.add(new Refusal("installation.source.repositories", because));
    }
  }
}
