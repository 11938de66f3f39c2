package io.millwright.driver.proxmox;

import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How a mark is noted: as a tag, for tags stand in the listing of the whole cluster. The number of
 * the VM is part of it, so that a clone, or a backup that was restored under another number, which
 * carries the tag as well, is not taken for ours.
 *
 * @param role of the disk that the VM holds, or null for a machine
 * @param number of the VM that has it
 */
record Label(Mark mark, @Nullable String role, int number) {
  private static final Pattern FORM =
      Pattern.compile(
          "mw-([0-9a-f]{8})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-g([0-9]{1,18})(?:-([a-z]+))?\\.([0-9]{3,9})");

  static Label of(ObjectName disk, int number) {
    return new Label(disk.mark(), disk.role(), number);
  }

  static Optional<Label> parse(String tag) {
    Matcher m = FORM.matcher(tag);
    return m.matches()
        ? Optional.of(
            new Label(
                new Mark(m.group(1), UUID.fromString(m.group(2)), Long.parseLong(m.group(3))),
                m.group(4),
                Integer.parseInt(m.group(5))))
        : Optional.empty();
  }

  /** The one that was made for the VM of this number, whoever made it. */
  static Optional<Label> among(List<String> tags, int number) {
    return tags.stream()
        .flatMap(tag -> parse(tag).stream())
        .filter(label -> label.number() == number)
        .findFirst();
  }

  Optional<ObjectName> disk() {
    return role == null ? Optional.empty() : Optional.of(new ObjectName(mark, role));
  }

  /** As a tag. */
  @Override
  public String toString() {
    return "mw-"
        + mark.installation()
        + "-"
        + mark.uid()
        + "-g"
        + mark.generation()
        + (role == null ? "" : "-" + role)
        + "."
        + number;
  }
}
