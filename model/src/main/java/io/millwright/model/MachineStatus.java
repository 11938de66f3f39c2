package io.millwright.model;

import io.soabase.recordbuilder.core.RecordBuilder;
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
 *     phone-home}, {@code guest-agent}, {@code ssh}, {@code power} or, of one that was imported,
 *     {@code import}
 * @param hostKeys its public SSH host keys, as in known_hosts without the host
 * @param scripts how each script of its first boot ended
 * @param firmware that starts that disk, or null for the declared one
 * @param former the system that it had before a rebuild, until that has ended well
 * @param expiresAt when it is deleted by itself, or null for never; kept apart from the rest, see
 *     the engine's {@code Lifetimes}
 * @param elsewhere another hypervisor on which there is something of it: its former system, if that
 *     is there; else what is still to be removed
 * @param devices with which the system on that disk came up, and which it keeps; null before that,
 *     and of one that was up before there was a choice
 * @param knownVolumes serials of the data disks of which the system on that disk was told; null
 *     before it was up, and where it is not known
 * @param source what its system disk is made of in place of the image: a snapshot's disk, with what
 *     is known of the system on it; null once that is up, and for every other machine
 */
@RecordBuilder
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
    @Nullable Devices devices,
    @Nullable Former former,
    @Nullable Instant expiresAt,
    @Nullable String elsewhere,
    @Nullable List<String> knownVolumes,
    @Nullable Former source)
    implements Status, MachineStatusBuilder.With {
  public static final MachineStatus EMPTY =
      new MachineStatus(
          List.of(), null, null, List.of(), null, null, null, null, List.of(), List.of(), null,
          null, null, null, null, null, null);

  public MachineStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    interfaces = interfaces == null ? List.of() : List.copyOf(interfaces);
    hostKeys = hostKeys == null ? List.of() : List.copyOf(hostKeys);
    scripts = scripts == null ? List.of() : List.copyOf(scripts);
    knownVolumes = knownVolumes == null ? null : List.copyOf(knownVolumes);
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
      @Nullable Devices devices,
      @Nullable String hypervisor) {
    public Former {
      hostKeys = hostKeys == null ? List.of() : List.copyOf(hostKeys);
      scripts = scripts == null ? List.of() : List.copyOf(scripts);
    }

    /** The same system on another disk. */
    public Former at(String other) {
      return new Former(
          other, imageSha256, blueprint, readyBy, hostKeys, scripts, firmware, devices, hypervisor);
    }
  }

  /** From here on its system disk is made from this very image; null if it is open which. */
  public MachineStatus withImage(@Nullable String sha256) {
    return withImageSha256(sha256);
  }

  /** It has not booted its disk yet, or no more. */
  public MachineStatus unbooted() {
    return with(s ->
        s.readyBy(null)
            .hostKeys(List.of())
            .scripts(List.of())
            .devices(null)
            .knownVolumes(null)
            .source(null));
  }

  /** The system on its disk is up; what was there before is of no use any more. */
  public MachineStatus booted(
      List<Interface> seen,
      String by,
      List<String> keys,
      List<ScriptResult> results,
      @Nullable Devices with,
      @Nullable List<String> volumes) {
    return with(s ->
        s.power(Power.ON)
            .interfaces(seen)
            .readyBy(by)
            .hostKeys(keys)
            .scripts(results)
            .devices(with)
            .knownVolumes(volumes)
            .former(null)
            .source(null));
  }

  /** It gets a new system disk; what is up now is remembered until the new one is. */
  public MachineStatus rebuilt(
      String newDisk, String newBlueprint, @Nullable Firmware newFirmware) {
    return onNewDisk(newDisk, newBlueprint, newFirmware)
        .withFormer(readyBy != null && disk != null ? former(disk, readyBy, null) : former);
  }

  private MachineStatus onNewDisk(
      String newDisk, String newBlueprint, @Nullable Firmware newFirmware) {
    return unbooted()
        .with(s -> s.disk(newDisk).imageSha256(null).blueprint(newBlueprint).firmware(newFirmware));
  }

  private Former former(String itsDisk, String wasReadyBy, @Nullable String itsHypervisor) {
    return new Former(
        itsDisk,
        imageSha256,
        blueprint,
        wasReadyBy,
        hostKeys,
        scripts,
        firmware,
        devices,
        itsHypervisor);
  }

  /**
   * It gets a new system disk that is a copy of a snapshot's; what is up now is remembered until
   * the new one is.
   *
   * @param from the snapshot's disk, and the system on it
   */
  public MachineStatus reverted(String newDisk, String newBlueprint, Former from) {
    return rebuilt(newDisk, newBlueprint, from.firmware())
        .with(s -> s.imageSha256(from.imageSha256()).source(from));
  }

  /**
   * It has the system again that it had before its rebuild.
   *
   * @throws IllegalStateException if there is none
   */
  public MachineStatus wentBack() {
    Former back = former;
    if (back == null) {
      throw new IllegalStateException("there is no system to go back to");
    }
    boolean here = back.hypervisor() == null;
    return with(s ->
        s.hypervisor(here ? hypervisor : back.hypervisor())
            .disk(back.disk())
            .imageSha256(back.imageSha256())
            .blueprint(back.blueprint())
            .readyBy(back.readyBy())
            .hostKeys(back.hostKeys())
            .scripts(back.scripts())
            .firmware(back.firmware())
            .devices(back.devices())
            .knownVolumes(null)
            .former(null)
            .source(null)
            .elsewhere(here ? elsewhere : hypervisor));
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
    Former here = former(disk, readyBy, hypervisor);
    return onNewDisk(newDisk, newBlueprint, newFirmware)
        .with(s -> s.hypervisor(to).former(here).elsewhere(hypervisor));
  }

  /** True if what is elsewhere is no way back any more, and only still to be removed. */
  public boolean leftBehind() {
    return elsewhere != null && !moving();
  }

  /** Nothing of it is left elsewhere. */
  public MachineStatus gathered() {
    return withElsewhere(null);
  }

  /** All addresses, in the order of the interfaces. */
  public List<Ip> addresses() {
    return interfaces.stream().flatMap(i -> i.addresses().stream()).toList();
  }
}
