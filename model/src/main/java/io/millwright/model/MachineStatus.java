package io.millwright.model;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a machine.
 *
 * @param hypervisor where it was placed
 * @param power as last observed
 * @param interfaces its cards, bonds and VLANs with what they were given or were seen to have
 * @param disk object name of the system disk that it has or is about to get
 * @param imageSha256 of the image from which that disk is made
 * @param blueprint fingerprint of everything in its spec that only a first boot can change
 * @param readyBy how the system on that disk was found ready, or null before that: {@code
 *     phone-home}, {@code guest-agent}, {@code ssh} or {@code power}
 * @param hostKeys its public SSH host keys, as in known_hosts without the host
 * @param scripts how each script of its first boot ended
 * @param firmware that starts that disk, or null for the declared one
 * @param former the system that it had before a rebuild, until that has ended well
 * @param expiresAt when it is deleted by itself, or null for never; kept apart from the rest, see
 *     the engine's {@code Lifetimes}
 * @param elsewhere another hypervisor on which there is something of it: its former system, if that
 *     is there; else what is still to be removed
 * @param source what its system disk is made of in place of the image: a snapshot's disk, with what
 *     is known of the system on it; null once that is up, and for every other machine
 */
public record MachineStatus(
    @Default List<Condition> conditions,
    @Nullable String hypervisor,
    @Nullable Power power,
    @Default List<Interface> interfaces,
    @Nullable String disk,
    @Nullable String imageSha256,
    @Nullable String blueprint,
    @Nullable String readyBy,
    @Default List<String> hostKeys,
    @Default List<ScriptResult> scripts,
    @Nullable Firmware firmware,
    @Nullable Former former,
    @Nullable Instant expiresAt,
    @Nullable String elsewhere,
    @Nullable Former source)
    implements Status {
  public static final MachineStatus EMPTY =
      new MachineStatus(
          List.of(), null, null, List.of(), null, null, null, null, List.of(), List.of(), null,
          null, null, null, null);

  public MachineStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    interfaces = interfaces == null ? List.of() : List.copyOf(interfaces);
    hostKeys = hostKeys == null ? List.of() : List.copyOf(hostKeys);
    scripts = scripts == null ? List.of() : List.copyOf(scripts);
  }

  /**
   * One interface.
   *
   * @param mac null for bonds and VLANs
   * @param addresses without prefix length
   */
  public record Interface(
      String name, @Nullable Mac mac, String network, @Default List<Ip> addresses) {
    public Interface {
      addresses = addresses == null ? List.of() : List.copyOf(addresses);
    }
  }

  /**
   * How a script of the first boot ended.
   *
   * @param exitCode 0 for success
   * @param output the end of what it printed, at most 8 KiB
   */
  public record ScriptResult(String name, int exitCode, String output) {}

  /**
   * A system that was up, and to which the machine goes back if its rebuild fails; the parts are
   * those of {@link MachineStatus}.
   *
   * @param hypervisor where it is, or null if that is where the machine is
   */
  public record Former(
      String disk,
      @Nullable String imageSha256,
      @Nullable String blueprint,
      String readyBy,
      @Default List<String> hostKeys,
      @Default List<ScriptResult> scripts,
      @Nullable Firmware firmware,
      @Nullable String hypervisor) {
    public Former {
      hostKeys = hostKeys == null ? List.of() : List.copyOf(hostKeys);
      scripts = scripts == null ? List.of() : List.copyOf(scripts);
    }

    /** The same system on another disk. */
    public Former at(String other) {
      return new Former(
          other, imageSha256, blueprint, readyBy, hostKeys, scripts, firmware, hypervisor);
    }
  }

  public MachineStatus withConditions(List<Condition> next) {
    return new MachineStatus(
        next,
        hypervisor,
        power,
        interfaces,
        disk,
        imageSha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        expiresAt,
        elsewhere,
        source);
  }

  public MachineStatus withPower(@Nullable Power next) {
    return new MachineStatus(
        conditions,
        hypervisor,
        next,
        interfaces,
        disk,
        imageSha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        expiresAt,
        elsewhere,
        source);
  }

  public MachineStatus withInterfaces(List<Interface> next) {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        next,
        disk,
        imageSha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        expiresAt,
        elsewhere,
        source);
  }

  /** From here on its system disk is made from this very image; null if it is open which. */
  public MachineStatus withImage(@Nullable String sha256) {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        disk,
        sha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        expiresAt,
        elsewhere,
        source);
  }

  /** It has not booted its disk yet, or no more. */
  public MachineStatus unbooted() {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        disk,
        imageSha256,
        blueprint,
        null,
        List.of(),
        List.of(),
        firmware,
        former,
        expiresAt,
        elsewhere,
        null);
  }

  /** The system on its disk is up; what was there before is of no use any more. */
  public MachineStatus booted(
      List<Interface> seen, String by, List<String> keys, List<ScriptResult> results) {
    return new MachineStatus(
        conditions,
        hypervisor,
        Power.ON,
        seen,
        disk,
        imageSha256,
        blueprint,
        by,
        keys,
        results,
        firmware,
        null,
        expiresAt,
        elsewhere,
        null);
  }

  /** It gets a new system disk; what is up now is remembered until the new one is. */
  public MachineStatus rebuilt(
      String newDisk, String newBlueprint, @Nullable Firmware newFirmware) {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        newDisk,
        null,
        newBlueprint,
        null,
        List.of(),
        List.of(),
        newFirmware,
        readyBy != null && disk != null
            ? new Former(disk, imageSha256, blueprint, readyBy, hostKeys, scripts, firmware, null)
            : former,
        expiresAt,
        elsewhere,
        null);
  }

  /**
   * It gets a new system disk that is a copy of a snapshot's; what is up now is remembered until
   * the new one is.
   *
   * @param from the snapshot's disk, and the system on it
   */
  public MachineStatus reverted(String newDisk, String newBlueprint, Former from) {
    MachineStatus anew = rebuilt(newDisk, newBlueprint, firmware);
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        newDisk,
        from.imageSha256(),
        newBlueprint,
        null,
        List.of(),
        List.of(),
        from.firmware(),
        anew.former(),
        expiresAt,
        elsewhere,
        from);
  }

  /**
   * It has the system again that it had before its rebuild.
   *
   * @throws IllegalStateException if there is none
   */
  public MachineStatus wentBack() {
    if (former == null) {
      throw new IllegalStateException("there is no system to go back to");
    }
    return new MachineStatus(
        conditions,
        former.hypervisor() == null ? hypervisor : former.hypervisor(),
        power,
        interfaces,
        former.disk(),
        former.imageSha256(),
        former.blueprint(),
        former.readyBy(),
        former.hostKeys(),
        former.scripts(),
        former.firmware(),
        null,
        expiresAt,
        former.hypervisor() == null ? elsewhere : hypervisor,
        null);
  }

  /** True while it gets its system on another hypervisor, and could still go back. */
  public boolean moving() {
    return former != null && former.hypervisor() != null;
  }

  /**
   * From here on it is on another hypervisor, with a new system disk; what is up now stays where it
   * is until the new one is.
   *
   * @throws IllegalStateException if no system of it is up
   */
  public MachineStatus moved(String to, String newDisk, String newBlueprint, Firmware newFirmware) {
    if (readyBy == null || disk == null) {
      throw new IllegalStateException("there is no system to move from");
    }
    return new MachineStatus(
        conditions,
        to,
        power,
        interfaces,
        newDisk,
        null,
        newBlueprint,
        null,
        List.of(),
        List.of(),
        newFirmware,
        new Former(disk, imageSha256, blueprint, readyBy, hostKeys, scripts, firmware, hypervisor),
        expiresAt,
        hypervisor,
        null);
  }

  /** Nothing of it is left elsewhere. */
  public MachineStatus gathered() {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        disk,
        imageSha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        expiresAt,
        null,
        source);
  }

  public MachineStatus withExpiresAt(@Nullable Instant next) {
    return new MachineStatus(
        conditions,
        hypervisor,
        power,
        interfaces,
        disk,
        imageSha256,
        blueprint,
        readyBy,
        hostKeys,
        scripts,
        firmware,
        former,
        next,
        elsewhere,
        source);
  }

  /** All addresses, in the order of the interfaces. */
  public List<Ip> addresses() {
    return interfaces.stream().flatMap(i -> i.addresses().stream()).toList();
  }
}
