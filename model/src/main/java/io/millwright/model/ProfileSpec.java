package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A named layer of customisation.
 *
 * @param users who can log in
 * @param packages to install on first boot
 * @param files to write on first boot
 * @param scripts to run on first boot, in order
 * @param timezone for example {@code Europe/Vienna}
 * @param locale for example {@code de_AT.UTF-8}
 * @param ntp time servers
 * @param keyboard layout in X11's words, for example {@code us} or {@code de}; {@code us} if not
 *     given
 * @param packageSource where packages come from
 * @param storage how an installer divides the disk that it overwrites
 * @param commands programs that an installer runs, and how it ends
 */
@RecordBuilder
public record ProfileSpec(
    @Default List<User> users,
    @Default List<String> packages,
    @Default List<File> files,
    @Default List<Script> scripts,
    @Nullable String timezone,
    @Nullable String locale,
    @Default List<String> ntp,
    @Nullable String keyboard,
    @Nullable PackageSource packageSource,
    @Nullable StorageSpec storage,
    @Nullable Commands commands)
    implements Spec, ProfileSpecBuilder.With {
  /** A layer that says nothing. */
  public static final ProfileSpec NONE =
      new ProfileSpec(List.of(), List.of(), List.of(), List.of(), null, null, List.of());

  /** RSA keys of 16384 bits, the largest that OpenSSH takes, are well below. */
  private static final int LONGEST_KEY = 8192;

  private static final Pattern KEY =
      Pattern.compile(
          "(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com|sk-ecdsa-sha2-nistp256@openssh.com)"
              + " ([A-Za-z0-9+/]+={0,3})( .{0,255})?");

  /** crypt(3): $id$[params$]salt$hash; clear text never matches. */
  private static final Pattern HASH =
      Pattern.compile("\\$(6|5|y|2[aby])\\$[./A-Za-z0-9$=,]{20,200}");

  /**
   * What systems have of themselves, Debian's and Red Hat's first: nobody logs in to them, and a
   * first boot leaves alone who is there already.
   */
  private static final Set<String> ACCOUNTS =
      Set.of(
          ("_apt adm backup bin chrony daemon dbus ftp games gnats halt irc list lp mail man"
                  + " messagebus news nobody operator polkitd proxy shutdown sshd sync sys"
                  + " systemd-network systemd-resolve systemd-timesync tss uucp uuidd www-data")
              .split(" "));

  private static final Pattern PACKAGE = Pattern.compile("[a-zA-Z0-9][-a-zA-Z0-9+._:=~]{0,127}");
  private static final Pattern LOCALE =
      Pattern.compile("[A-Za-z]{1,3}(_[A-Z]{2})?(\\.[A-Za-z0-9-]+)?(@[a-z]+)?|C\\.UTF-8");

  /** Java's, without those that are its own: no system has them. */
  private static final Set<String> ZONES =
      ZoneId.getAvailableZoneIds().stream()
          .filter(zone -> !zone.startsWith("SystemV/"))
          .collect(Collectors.toUnmodifiableSet());

  private static final Pattern KEYBOARD = Pattern.compile("[a-z]{2,10}");
  private static final Pattern MODE = Pattern.compile("0?[0-7]{3,4}");
  private static final Pattern OWNER =
      Pattern.compile("[a-z_][-a-z0-9_]{0,31}(:[a-z_][-a-z0-9_]{0,31})?");

  public ProfileSpec {
    users = users == null ? List.of() : List.copyOf(users);
    packages = packages == null ? List.of() : List.copyOf(packages);
    files = files == null ? List.of() : List.copyOf(files);
    scripts = scripts == null ? List.of() : List.copyOf(scripts);
    ntp = ntp == null ? List.of() : List.copyOf(ntp);
    // What says nothing is as good as left out.
    packageSource = PackageSource.NONE.equals(packageSource) ? null : packageSource;
    storage = StorageSpec.NONE.equals(storage) ? null : storage;
    commands = Commands.NONE.equals(commands) ? null : commands;
  }

  /** What both a first boot and an installer do, as installers and images have it by themselves. */
  public ProfileSpec(
      List<User> users,
      List<String> packages,
      List<File> files,
      List<Script> scripts,
      @Nullable String timezone,
      @Nullable String locale,
      List<String> ntp) {
    this(users, packages, files, scripts, timezone, locale, ntp, null, null, null, null);
  }

  /** Programs to run before an installer touches a disk. */
  public List<Script> before() {
    return commands == null ? List.of() : commands.before();
  }

  /** Programs to run in the installed system before its first boot. */
  public List<Script> after() {
    return commands == null ? List.of() : commands.after();
  }

  /** What an installer does when it is done, if anybody has said. */
  public @Nullable End end() {
    return commands == null ? null : commands.end();
  }

  /** Further repositories of packages. */
  public List<PackageSource.Repository> repositories() {
    return packageSource == null ? List.of() : packageSource.repositories();
  }

  /** What follows an installation. */
  public enum End {
    REBOOT,
    POWEROFF
  }

  /**
   * Programs that an installer runs, as root and in order, and how it ends.
   *
   * @param before in the installer, before it touches a disk
   * @param after in the installed system, before its first boot; a clone, which has no such moment,
   *     runs them in its first boot, before its scripts
   * @param end what the installer does when it is done, by a medium that is carried away; it
   *     reboots if not given
   */
  public record Commands(
      @Default List<Script> before, @Default List<Script> after, @Nullable End end) {
    /** Nothing of it said. */
    static final Commands NONE = new Commands(List.of(), List.of());

    /** With the usual end. */
    public Commands(List<Script> before, List<Script> after) {
      this(before, after, null);
    }

    public Commands {
      before = before == null ? List.of() : List.copyOf(before);
      after = after == null ? List.of() : List.copyOf(after);
    }
  }

  /**
   * Somebody who can log in.
   *
   * @param name with which they log in: 1 to 32 lower-case letters, digits, {@code _} and {@code -}
   * @param keys lines as in authorized_keys, without options
   * @param passwordHash as crypt(3) writes it; no password if not given; kept secret, for whoever
   *     has it can guess at the password without end
   * @param sudo true to let them become root without a password
   * @param shell that they log in to; {@code /bin/bash} if not given
   * @param groups more groups
   */
  public record User(
      String name,
      @Default List<String> keys,
      @Secret @Nullable String passwordHash,
      @Default("false") Boolean sudo,
      @Default("/bin/bash") String shell,
      @Default List<String> groups) {
    public User {
      // A .pub file ends with a line feed, which a block text keeps.
      keys = keys == null ? List.of() : keys.stream().map(String::strip).toList();
      sudo = sudo != null && sudo;
      shell = shell == null ? "/bin/bash" : shell;
      groups = groups == null ? List.of() : List.copyOf(groups);
    }

    void check(Violations at) {
      at.field("name")
          .require(
              Names.isUser(name),
              Names.quote(name)
                  + " is no user name: use 1 to 32 lower-case letters, digits, '_' and '-', a"
                  + " letter first");
      at.field("name")
          .require(
              !ACCOUNTS.contains(name),
              Names.quote(name)
                  + " is an account that systems have of themselves, and cannot be logged in to;"
                  + " use another name");
      for (int i = 0; i < keys.size(); i++) {
        at.field("keys")
            .index(i)
            .require(
                isKey(keys.get(i)), "is no public SSH key, such as \"ssh-ed25519 AAAA... name\"");
      }
      if (passwordHash != null) {
        at.field("passwordHash")
            .require(
                passwordHash.equals(Secret.MASK) || HASH.matcher(passwordHash).matches(),
                "is no crypt(3) hash; make one with: mkpasswd -m sha-512");
      }
      at.field("shell")
          .require(
              shell.length() <= 255 && shell.matches("(/[A-Za-z0-9._-]+)+"),
              "must be an absolute path");
      for (int i = 0; i < groups.size(); i++) {
        at.field("groups").index(i).require(Names.isUser(groups.get(i)), "is no group name");
      }
    }

    /** True for one line of the form that OpenSSH writes into a .pub file. */
    private static boolean isKey(String line) {
      if (line.length() > LONGEST_KEY || !Names.isPlain(line)) {
        return false;
      }
      var m = KEY.matcher(line);
      if (!m.matches()) {
        return false;
      }
      try {
        byte[] blob = Base64.getDecoder().decode(m.group(3));
        List<byte[]> parts = parts(blob);
        return parts.size() >= 2
            && new String(parts.getFirst(), StandardCharsets.US_ASCII).equals(m.group(1));
      } catch (IllegalArgumentException e) {
        return false;
      }
    }

    /**
     * The strings that a key consists of, each after its length (RFC 4251 section 5, RFC 4253
     * section 6.6); none if they do not fill it exactly, as of a key that was cut off.
     */
    private static List<byte[]> parts(byte[] blob) {
      List<byte[]> out = new ArrayList<>();
      ByteBuffer in = ByteBuffer.wrap(blob);
      while (in.remaining() >= 4) {
        int length = in.getInt();
        if (length < 0 || length > in.remaining()) {
          return List.of();
        }
        byte[] part = new byte[length];
        in.get(part);
        out.add(part);
      }
      return in.hasRemaining() ? List.of() : out;
    }
  }

  /**
   * A file to write.
   *
   * @param path absolute
   * @param content as it is, UTF-8
   * @param mode octal; 0644 if not given
   * @param owner user or user:group; root:root if not given
   */
  public record File(
      String path,
      String content,
      @Default("0644") String mode,
      @Default("root:root") String owner) {
    private static final int LONGEST_PATH = 1024;

    public File {
      mode = mode == null ? "0644" : mode;
      owner = owner == null ? "root:root" : owner;
    }

    void check(Violations at) {
      at.field("path")
          .require(
              path.length() <= LONGEST_PATH
                  && path.matches("(/[^/]+)+")
                  && Names.isPlain(path)
                  && java.util.Arrays.stream(path.split("/"))
                      .noneMatch(p -> p.equals("..") || p.equals(".")),
              "must be an absolute path without '.' and '..'");
      at.field("content").require(content.length() <= 1 << 20, "is longer than 1 MiB");
      at.field("content").require(content.indexOf('\0') < 0, "has a NUL character");
      at.field("mode").require(MODE.matcher(mode).matches(), "must be octal, such as 0644");
      at.field("owner").require(OWNER.matcher(owner).matches(), "must be user or user:group");
    }
  }

  /**
   * A program to run once, as root.
   *
   * @param name shown with its result
   * @param content starts with {@code #!}
   */
  public record Script(String name, String content) {
    /** Collects what is wrong with it. */
    public void check(Violations at) {
      Names.checkLabel(name, at.field("name"));
      at.field("content")
          .require(content.startsWith("#!"), "must start with #! and an interpreter");
      int end = content.indexOf('\n');
      at.field("content")
          .require(
              end < 1 || content.charAt(end - 1) != '\r',
              "has DOS line ends, with which no interpreter is found; save it with Unix ones");
      at.field("content").require(content.length() <= 1 << 20, "is longer than 1 MiB");
      at.field("content").require(content.indexOf('\0') < 0, "has a NUL character");
    }
  }

  @Override
  public void check(Violations at) {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < users.size(); i++) {
      Violations here = at.field("users").index(i);
      users.get(i).check(here);
      here.field("name").require(names.add(users.get(i).name()), "stands here twice");
    }
    for (int i = 0; i < packages.size(); i++) {
      at.field("packages")
          .index(i)
          .require(
              PACKAGE.matcher(packages.get(i)).matches(),
              Names.quote(packages.get(i)) + " is no package name");
    }
    Set<String> paths = new HashSet<>();
    for (int i = 0; i < files.size(); i++) {
      Violations here = at.field("files").index(i);
      files.get(i).check(here);
      here.field("path").require(paths.add(files.get(i).path()), "stands here twice");
    }
    checkScripts(at.field("scripts"), scripts);
    checkScripts(at.field("commands").field("before"), before());
    checkScripts(at.field("commands").field("after"), after());
    if (keyboard != null) {
      at.field("keyboard")
          .require(
              KEYBOARD.matcher(keyboard).matches(),
              Names.quote(keyboard) + " is no keyboard layout, such as us");
    }
    if (packageSource != null) {
      packageSource.check(at.field("packageSource"));
    }
    if (storage != null) {
      storage.check(at.field("storage"));
    }
    if (timezone != null && !ZONES.contains(timezone)) {
      at.field("timezone")
          .add(
              Names.quote(timezone)
                  + " is no zone such as Europe/Vienna"
                  + Names.hint(timezone, ZONES));
    }
    if (locale != null) {
      at.field("locale")
          .require(
              locale.length() <= 64 && LOCALE.matcher(locale).matches(),
              "must be a locale such as de_AT.UTF-8");
    }
    for (int i = 0; i < ntp.size(); i++) {
      String server = ntp.get(i);
      at.field("ntp").index(i).require(isHost(server), Names.quote(server) + " is no host");
    }
  }

  private static void checkScripts(Violations at, List<Script> scripts) {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < scripts.size(); i++) {
      Violations here = at.index(i);
      scripts.get(i).check(here);
      here.field("name").require(names.add(scripts.get(i).name()), "stands here twice");
    }
  }

  private static boolean isHost(String s) {
    if (Names.isDomain(s)) {
      return true;
    }
    try {
      Ip.parse(s);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
