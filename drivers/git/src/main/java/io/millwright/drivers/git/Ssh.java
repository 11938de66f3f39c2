package io.millwright.drivers.git;

import io.millwright.driver.DriverException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.sshd.common.NamedResource;
import org.apache.sshd.common.config.keys.FilePasswordProvider;
import org.apache.sshd.common.util.security.SecurityUtils;
import org.eclipse.jgit.api.TransportConfigCallback;
import org.eclipse.jgit.transport.SshTransport;
import org.eclipse.jgit.transport.Transport;
import org.eclipse.jgit.transport.sshd.SshdSessionFactory;
import org.eclipse.jgit.transport.sshd.SshdSessionFactoryBuilder;

/**
 * The way in over ssh: with this key, to a host that shows one of these keys, and by nothing that
 * lies in a home. The private key stays in memory.
 */
final class Ssh implements TransportConfigCallback, AutoCloseable {
  static final String KEY = "sshKey";
  static final String KNOWN_HOSTS = "knownHosts";

  private final SshdSessionFactory sessions;

  private Ssh(SshdSessionFactory sessions) {
    this.sessions = sessions;
  }

  /**
   * @param dir for what the library wants to read from a file, which is nothing secret
   */
  static Ssh open(Map<String, String> settings, Path dir) throws DriverException, IOException {
    String key = settings.get(KEY);
    String known = settings.get(KNOWN_HOSTS);
    if (key == null || known == null) {
      throw Git.refused(
          "ssh needs settings.sshKey and settings.knownHosts; the latter is what ssh-keyscan HOST"
              + " prints, compared with what the host's owner says");
    }
    List<KeyPair> keys = keys(key);
    Path home = Files.createDirectory(dir.resolve("ssh"));
    Files.writeString(home.resolve("known_hosts"), known.strip() + "\n");
    return new Ssh(
        new SshdSessionFactoryBuilder()
            .setPreferredAuthentications("publickey")
            .setHomeDirectory(home.toFile())
            .setSshDirectory(home.toFile())
            .setDefaultKeysProvider(_ -> keys)
            .build(null));
  }

  private static List<KeyPair> keys(String key) throws DriverException {
    List<KeyPair> out = new ArrayList<>();
    try {
      Iterable<KeyPair> found =
          SecurityUtils.loadKeyPairIdentities(
              null,
              NamedResource.ofName("settings." + KEY),
              new ByteArrayInputStream((key.strip() + "\n").getBytes(StandardCharsets.UTF_8)),
              FilePasswordProvider.EMPTY);
      if (found != null) {
        found.forEach(out::add);
      }
    } catch (IOException | GeneralSecurityException | RuntimeException e) {
      throw noKey();
    }
    if (out.isEmpty()) {
      throw noKey();
    }
    return out;
  }

  private static DriverException noKey() {
    // The reason might quote the key.
    return Git.refused(
        "settings.sshKey is no private key without a passphrase; make one with: ssh-keygen -t"
            + " ed25519 -N '' -f key");
  }

  @Override
  public void configure(Transport transport) {
    if (transport instanceof SshTransport ssh) {
      ssh.setSshSessionFactory(sessions);
    }
  }

  @Override
  public void close() {
    sessions.close();
  }
}
