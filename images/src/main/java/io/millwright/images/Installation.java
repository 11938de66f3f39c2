package io.millwright.images;

import io.millwright.model.Firmware;
import io.millwright.model.Names;
import io.millwright.model.ProfileSpec;
import io.millwright.model.StorageSpec;
import io.millwright.model.Violations;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * How an installer puts the system onto the machine; a clone of a golden disk needs none of it.
 *
 * @param storage which disk is overwritten, and how it is divided
 * @param firmware what starts the machine
 * @param keyboard layout in X11's words, for example {@code us} or {@code de}
 * @param source where the system's packages come from
 * @param before programs to run in the installer, in order, before it touches a disk
 * @param after programs to run in the installed system, in order, before its first boot
 * @param end what to do when it is done
 * @param tpm false if the machine is known to have neither a TPM nor Secure Boot, so that an
 *     installer which insists on them is told not to
 */
public record Installation(
    Storage storage,
    Firmware firmware,
    String keyboard,
    Source source,
    List<ProfileSpec.Script> before,
    List<ProfileSpec.Script> after,
    End end,
    boolean tpm) {
  private static final Pattern KEYBOARD = Pattern.compile("[a-z]{2,10}");

  public Installation {
    before = List.copyOf(before);
    after = List.copyOf(after);
  }

  /** What follows an installation. */
  public enum End {
    REBOOT,
    POWEROFF
  }

  /** The usual one onto this disk: BIOS, a keyboard as in America, packages from the network. */
  public static Installation on(Storage.Disk disk) {
    return new Installation(
        Storage.on(disk),
        Firmware.BIOS,
        "us",
        Source.DISTRIBUTION,
        List.of(),
        List.of(),
        End.REBOOT,
        true);
  }

  /** The same, as a merged profile asks, or as before where it says nothing. */
  public Installation with(ProfileSpec profile) {
    String layout = profile.keyboard();
    ProfileSpec.End asked = profile.end();
    return new Installation(
        storage.with(profile.storage()),
        firmware,
        layout == null ? keyboard : layout,
        source.with(profile.packageSource()),
        profile.before(),
        profile.after(),
        switch (asked) {
          case null -> end;
          case REBOOT -> End.REBOOT;
          case POWEROFF -> End.POWEROFF;
        },
        tpm);
  }

  public Installation withStorage(Storage next) {
    return new Installation(next, firmware, keyboard, source, before, after, end, tpm);
  }

  public Installation withFirmware(Firmware next) {
    return new Installation(storage, next, keyboard, source, before, after, end, tpm);
  }

  public Installation withKeyboard(String next) {
    return new Installation(storage, firmware, next, source, before, after, end, tpm);
  }

  public Installation withSource(Source next) {
    return new Installation(storage, firmware, keyboard, next, before, after, end, tpm);
  }

  /** With the same, but these programs before and after. */
  public Installation withScripts(
      List<ProfileSpec.Script> nextBefore, List<ProfileSpec.Script> nextAfter) {
    return new Installation(storage, firmware, keyboard, source, nextBefore, nextAfter, end, tpm);
  }

  public Installation withEnd(End next) {
    return new Installation(storage, firmware, keyboard, source, before, after, next, tpm);
  }

  /** On a machine that has neither a TPM nor Secure Boot. */
  public Installation withoutTpm() {
    return new Installation(storage, firmware, keyboard, source, before, after, end, false);
  }

  void check(Violations at) {
    storage.check(at.field("storage"));
    at.field("storage")
        .field("table")
        .require(
            firmware == Firmware.BIOS || storage.table() != StorageSpec.Table.MSDOS,
            "UEFI starts systems from a GPT; leave it out or give gpt");
    at.field("storage")
        .field("encryption")
        .require(
            tpm || !(storage.encryption() instanceof Storage.Encryption.Tpm2),
            "the machine has no security chip; use tang, or leave it out");
    at.field("keyboard")
        .require(
            KEYBOARD.matcher(keyboard).matches(),
            Names.quote(keyboard) + " is no keyboard layout, such as us");
    source.check(at.field("source"));
    checkScripts(at.field("before"), before);
    checkScripts(at.field("after"), after);
  }

  private static void checkScripts(Violations at, List<ProfileSpec.Script> scripts) {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < scripts.size(); i++) {
      ProfileSpec.Script script = scripts.get(i);
      Violations here = at.index(i);
      script.check(here);
      here.field("name").require(names.add(script.name()), "stands here twice");
      here.field("content")
          .require(InstallSpec.encodable(script.content()), "has half a character (UTF-16)");
    }
  }
}
