package io.millwright.model;

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
    @Default List<ScriptResult> scripts)
    implements Status {
  public static final MachineStatus EMPTY =
      new MachineStatus(
          List.of(), null, null, List.of(), null, null, null, null, List.of(), List.of());

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
        scripts);
  }

  /** All addresses, in the order of the interfaces. */
  public List<Ip> addresses() {
    return interfaces.stream().flatMap(i -> i.addresses().stream()).toList();
  }
}
