package io.millwright.driver;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names of disks and media, which on most hypervisors can carry no mark but their name: {@code
 * mw-INSTALLATION-UID-gGENERATION-ROLE}.
 */
public record ObjectName(Mark mark, String role) {
  public static final String SYSTEM = "system";

  /** A system disk that is still being made, where that takes the hypervisor a while. */
  public static final String PART = "part";

  /** What a machine's system disk was at one moment; it carries the uid of its Snapshot. */
  public static final String SNAPSHOT = "snapshot";

  public static final String DATA = "data";
  public static final String SEED = "seed";

  /** An installation medium of the machine's own. */
  public static final String INSTALLER = "installer";

  public static final String KERNEL = "kernel";
  public static final String INITRD = "initrd";

  private static final Pattern FORM =
      Pattern.compile(
          "mw-([0-9a-f]{8})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-g([0-9]{1,18})-([a-z]+)(\\.[a-z0-9]+)?");

  /** The parts of a name of ours, or nothing if it is foreign; a file ending is passed over. */
  public static Optional<ObjectName> parse(String name) {
    Matcher m = FORM.matcher(name);
    return m.matches()
        ? Optional.of(
            new ObjectName(
                new Mark(m.group(1), UUID.fromString(m.group(2)), Long.parseLong(m.group(3))),
                m.group(4)))
        : Optional.empty();
  }

  /** True for a system disk, for one that is still being made, and for a snapshot of one. */
  public boolean ofSystem() {
    return role.equals(SYSTEM) || role.equals(PART) || role.equals(SNAPSHOT);
  }

  @Override
  public String toString() {
    return "mw-" + mark.installation() + "-" + mark.uid() + "-g" + mark.generation() + "-" + role;
  }
}
