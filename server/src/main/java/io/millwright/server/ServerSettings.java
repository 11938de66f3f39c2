package io.millwright.server;

import io.millwright.engine.access.SingleSignOn;
import io.millwright.model.Cidr;
import io.millwright.model.Names;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How the server is asked to run; there are no other settings than these.
 *
 * @param data the directory where everything lies that belongs to this server
 * @param listen where people's clients reach it
 * @param tls with which clients are spoken to, or null for plain HTTP
 * @param proxies whose word is taken on who asks
 * @param doors where machines reach it
 * @param mayReach addresses of its own machine or link to which people may have the server go
 * @param catalogue a directory with more releases of operating systems, or null
 * @param sources from where sources may be read, or none for https and ssh but from here itself
 * @param oidc a provider of identities by which people sign in, or null
 * @param database an external PostgreSQL, or null for one of its own
 * @param printToken true to print the first token on standard output
 * @param newAdminToken true to replace the token {@code admin}, which was lost or has leaked
 * @param replaceKey true to go on with another key file than the installation's, which was lost
 */
record ServerSettings(
    Path data,
    Address listen,
    @Nullable Tls tls,
    List<Cidr> proxies,
    List<Address> doors,
    List<Cidr> mayReach,
    @Nullable Path catalogue,
    List<String> sources,
    @Nullable Oidc oidc,
    @Nullable ExternalDatabase database,
    boolean printToken,
    boolean newAdminToken,
    boolean replaceKey) {

  static final String HELP =
      """
      usage: server/run [settings]

        --data DIR                    what belongs to this server: key, database, images
                                      (default /var/lib/millwright)
        --listen ADDRESS:PORT         where clients reach it (default 127.0.0.1:7070)
        --tls-cert FILE               certificate chain (PEM) with which clients are spoken to
        --tls-key FILE                its private key (PEM, PKCS#8, not encrypted)
        --behind-proxy [ADDRESSES]    plain HTTP beyond this machine, since a proxy does TLS; with
                                      the proxy's addresses (10.0.0.5,fd00:1::/64) it is believed
                                      who asks (X-Forwarded-For), and whether by TLS
                                      (X-Forwarded-Proto)
        --door ADDRESS:PORT           where machines reach it, to report their first boot; may be
                                      repeated (default none)
        --may-reach CIDR              images, sources and webhooks may lead to these addresses too,
                                      although they are the server's own machine or link; may be
                                      repeated (default none)
        --catalogue DIR               more systems whose installers are known, or other words on
                                      those that are: a file FAMILY.yaml for each (docs/media.md)
        --sources URL                 from where sources may be read, such as
                                      https://git.example.org/ or file:///srv/git; may be repeated
                                      (default: by https and ssh from anywhere but this machine)
        --url URL                     under which people reach this server, if it is not --listen:
                                      where the provider sends them back to (--oidc-...)
        --oidc-issuer URL             a provider of identities (OpenID Connect) by which people sign
                                      in, besides those with a password
        --oidc-client-id ID           what it calls this server
        --oidc-client-secret-file FILE the first line of which is the secret that it gave
        --oidc-name NAME              what people call it (default its host)
        --oidc-scopes "NAMES"         what to ask for (default "openid profile email")
        --oidc-groups-claim NAME      in which it tells a person's groups (default groups)
        --oidc-ca FILE                certificates (PEM) by which it is known (default: the JVM's)
        --database JDBC-URL           an external PostgreSQL, 15 or newer
                                      (default: one of its own in the data directory)
        --database-user NAME          as whom to connect to it
        --database-password-file FILE the first line of which is the password
        --print-token                 print the first token on standard output; it is always written
                                      to the file admin-token in the data directory
        --new-admin-token             replace the token "admin", which was lost or has leaked
        --replace-key                 go on with this key file, since the installation's was lost;
                                      secrets sealed with that one must be applied again
        --version                     print the version
        --help                        print this
      """;

  private static final String BEHIND_PROXY = "--behind-proxy";
  private static final Set<String> FLAGS =
      Set.of(BEHIND_PROXY, "--print-token", "--new-admin-token", "--replace-key");
  private static final Set<String> VALUES =
      Set.of(
          "--data",
          "--listen",
          "--tls-cert",
          "--tls-key",
          "--door",
          "--may-reach",
          "--catalogue",
          "--sources",
          "--url",
          "--oidc-issuer",
          "--oidc-client-id",
          "--oidc-client-secret-file",
          "--oidc-name",
          "--oidc-scopes",
          "--oidc-groups-claim",
          "--oidc-ca",
          "--database",
          "--database-user",
          "--database-password-file");

  /** Both as PEM. */
  record Tls(Path certificate, Path key) {}

  /**
   * A provider of identities.
   *
   * @param site under which people reach this server, or null for what {@link #listen} says
   */
  record Oidc(
      URI issuer,
      String client,
      @Nullable Path secretFile,
      String name,
      String scopes,
      String groupsClaim,
      @Nullable Path ca,
      @Nullable URI site) {}

  /** An external PostgreSQL. */
  record ExternalDatabase(String url, @Nullable String user, @Nullable Path passwordFile) {}

  /** The command line makes no sense; the message says what to write. */
  static final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
      super(message);
    }
  }

  /**
   * A place to listen at.
   *
   * @param host a name or an address, IPv6 without brackets
   */
  record Address(String host, int port) {
    static Address parse(String name, String text) throws UsageException {
      int colon = text.lastIndexOf(':');
      String host = colon < 0 ? "" : text.substring(0, colon);
      if (host.startsWith("[") && host.endsWith("]")) {
        host = host.substring(1, host.length() - 1);
      } else if (host.indexOf(':') >= 0) {
        throw new UsageException(name + ": write an IPv6 address in brackets, such as [::1]:7070");
      }
      String port = text.substring(colon + 1);
      if (host.isEmpty() || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
        throw new UsageException(
            name + ": " + Names.quote(text) + " is no address with a port, such as 127.0.0.1:7070");
      }
      return new Address(host, Integer.parseInt(port));
    }

    InetSocketAddress resolve() throws java.net.UnknownHostException {
      return new InetSocketAddress(java.net.InetAddress.getByName(host), port);
    }

    /** The same with another port, which was chosen for port 0. */
    Address at(int chosen) {
      return new Address(host, chosen);
    }

    /** By its name, without asking DNS. */
    boolean loopback() {
      return host.equals("localhost")
          || host.equals("::1")
          || host.matches("127(\\.[0-9]{1,3}){3}");
    }

    String url() {
      return "http://" + this;
    }

    @Override
    public String toString() {
      return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
  }

  /** Reads the command line. */
  static ServerSettings parse(List<String> arguments) throws UsageException {
    Map<String, String> given = new TreeMap<>();
    List<Address> doors = new ArrayList<>();
    List<Cidr> mayReach = new ArrayList<>();
    List<Cidr> proxies = new ArrayList<>();
    List<String> sources = new ArrayList<>();
    Set<String> flags = new HashSet<>();
    for (int i = 0; i < arguments.size(); i++) {
      String argument = arguments.get(i);
      int equals = argument.indexOf('=');
      String name = equals < 0 ? argument : argument.substring(0, equals);
      boolean follows = i + 1 < arguments.size() && !arguments.get(i + 1).startsWith("--");
      if (name.equals(BEHIND_PROXY) && (equals >= 0 || follows)) {
        flags.add(name);
        String addresses = equals < 0 ? arguments.get(++i) : argument.substring(equals + 1);
        for (String address : addresses.split(",", -1)) {
          proxies.add(proxy(address));
        }
        continue;
      }
      if (FLAGS.contains(name)) {
        if (equals >= 0) {
          throw new UsageException(name + " takes no value");
        }
        flags.add(name);
        continue;
      }
      if (!VALUES.contains(name)) {
        throw new UsageException(unknown(name));
      }
      if (equals < 0 && !follows) {
        throw new UsageException(name + " needs a value");
      }
      String value = equals < 0 ? arguments.get(++i) : argument.substring(equals + 1);
      if (value.isBlank()) {
        throw new UsageException(name + " needs a value");
      }
      if (name.equals("--door")) {
        doors.add(door(value));
      } else if (name.equals("--may-reach")) {
        mayReach.add(cidr(name, value));
      } else if (name.equals("--sources")) {
        sources.add(sources(value));
      } else if (given.put(name, value) != null) {
        throw new UsageException(name + " is given twice");
      }
    }
    Address listen = Address.parse("--listen", given.getOrDefault("--listen", "127.0.0.1:7070"));
    Tls tls = tls(given);
    if (tls == null && !listen.loopback() && !flags.contains(BEHIND_PROXY)) {
      throw new UsageException(
          "--listen: at "
              + listen
              + " tokens would pass in clear; give --tls-cert and --tls-key, or --behind-proxy if a"
              + " proxy does TLS");
    }
    return new ServerSettings(
        Path.of(given.getOrDefault("--data", "/var/lib/millwright")).toAbsolutePath().normalize(),
        listen,
        tls,
        List.copyOf(proxies),
        List.copyOf(doors),
        List.copyOf(mayReach),
        path(given.get("--catalogue")),
        List.copyOf(sources),
        oidc(given),
        database(given),
        flags.contains("--print-token"),
        flags.contains("--new-admin-token"),
        flags.contains("--replace-key"));
  }

  private static @Nullable Oidc oidc(Map<String, String> given) throws UsageException {
    String issuer = given.get("--oidc-issuer");
    String client = given.get("--oidc-client-id");
    if (issuer == null) {
      for (String name : given.keySet()) {
        if (name.startsWith("--oidc-")) {
          throw new UsageException("--oidc-issuer is missing, to which " + name + " belongs");
        }
      }
      return null;
    }
    if (client == null) {
      throw new UsageException("--oidc-client-id is missing, to which --oidc-issuer belongs");
    }
    String scopes = given.getOrDefault("--oidc-scopes", "openid profile email");
    if (!List.of(scopes.split(" ")).contains("openid")) {
      throw new UsageException("--oidc-scopes: \"openid\" must be among them");
    }
    String site = given.get("--url");
    URI at = safe("--oidc-issuer", issuer);
    return new Oidc(
        at,
        client,
        path(given.get("--oidc-client-secret-file")),
        given.getOrDefault("--oidc-name", at.getHost()),
        scopes,
        given.getOrDefault("--oidc-groups-claim", "groups"),
        path(given.get("--oidc-ca")),
        site == null ? null : site(site));
  }

  private static @Nullable Path path(@Nullable String given) {
    return given == null ? null : Path.of(given);
  }

  private static URI site(String url) throws UsageException {
    URI site = safe("--url", url);
    if (!site.getPath().isEmpty() && !site.getPath().equals("/")) {
      throw new UsageException("--url has no path, such as https://mill.example.org");
    }
    return site;
  }

  private static URI safe(String name, String url) throws UsageException {
    try {
      URI out = new URI(url);
      if (SingleSignOn.isSafe(out) && out.getQuery() == null && out.getFragment() == null) {
        return out;
      }
    } catch (URISyntaxException e) {
      // said below
    }
    throw new UsageException(
        name + ": " + Names.quote(url) + " is no URL with https, such as https://id.example.org");
  }

  private static @Nullable Tls tls(Map<String, String> given) throws UsageException {
    String certificate = given.get("--tls-cert");
    String key = given.get("--tls-key");
    if ((certificate == null) != (key == null)) {
      throw new UsageException("--tls-cert and --tls-key belong together; give both");
    }
    return certificate == null || key == null ? null : new Tls(Path.of(certificate), Path.of(key));
  }

  /** Where people's clients reach it, as they write it. */
  String url(int port) {
    return (tls == null ? "http://" : "https://") + listen.at(port);
  }

  private static Cidr cidr(String name, String value) throws UsageException {
    try {
      return Cidr.parse(value);
    } catch (IllegalArgumentException e) {
      throw new UsageException(
          name + ": " + Names.quote(value) + " is no range of addresses, such as 127.0.0.0/8");
    }
  }

  private static Cidr proxy(String address) throws UsageException {
    try {
      return address.indexOf('/') >= 0
          ? Cidr.parse(address)
          : Cidr.parse(address + (address.indexOf(':') < 0 ? "/32" : "/128"));
    } catch (IllegalArgumentException e) {
      throw new UsageException(
          BEHIND_PROXY
              + ": "
              + Names.quote(address)
              + " is no address of a proxy, such as 10.0.0.5 or 10.0.0.0/29");
    }
  }

  private static Address door(String value) throws UsageException {
    Address door = Address.parse("--door", value);
    if (door.host().equals("0.0.0.0") || door.host().equals("::")) {
      throw new UsageException(
          "--door: give the address under which machines reach it, not " + door.host());
    }
    return door;
  }

  private static String sources(String value) throws UsageException {
    if (!value.matches("(https?|ssh)://[^/\\s]+(/\\S*)?|file:///\\S+")) {
      throw new UsageException(
          "--sources: "
              + Names.quote(value)
              + " is no beginning of an address, such as https://git.example.org/ or"
              + " file:///srv/git");
    }
    return value;
  }

  private static @Nullable ExternalDatabase database(Map<String, String> given)
      throws UsageException {
    String url = given.get("--database");
    String user = given.get("--database-user");
    String file = given.get("--database-password-file");
    if (url == null) {
      if (user != null || file != null) {
        throw new UsageException("--database is missing, to which the other settings belong");
      }
      return null;
    }
    if (!url.startsWith("jdbc:postgresql:")) {
      throw new UsageException("--database looks like jdbc:postgresql://host:5432/name");
    }
    if (url.matches("(?i).*[?&]password=.*")) {
      throw new UsageException(
          "--database: everybody on this machine can read a password here; put it into a file and"
              + " give --database-password-file");
    }
    return new ExternalDatabase(url, user, file == null ? null : Path.of(file));
  }

  private static String unknown(String name) {
    Set<String> known = new HashSet<>(VALUES);
    known.addAll(FLAGS);
    known.addAll(Set.of("--help", "--version"));
    return "there is no setting " + Names.quote(name) + Names.hint(name, known) + "; see --help";
  }
}
