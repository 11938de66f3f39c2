package io.millwright.model;

import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What each member of a group is; the fields are those of a Machine, as far as many can share them.
 *
 * @param labels that each of them has besides those of Millwright
 * @param image what they run
 * @param size their shape
 * @param profiles layers of customisation; a later one wins over an earlier one
 * @param firmware what starts them; BIOS if not given
 * @param nics network cards, without MACs and addresses of one machine alone
 * @param bonds interfaces made of several cards
 * @param vlans tagged interfaces on a card or a bond
 * @param bridges switches within each of them, for guests and containers of its own
 * @param overrides a layer of customisation, which wins over all others
 * @param volumes data disks of which each member has its own
 * @param readyTimeoutSeconds how long their first boot may take, 10 to 86400; 1800 if not given
 * @param drift what is done when one is found otherwise than declared; as its project does if not
 *     given
 */
@LeftOut(
    field = "expiry",
    why =
        "is not for members of a group or pool, for another one would be made in the place of each"
            + " that ends; declare a Machine with spec.expiry, or claim one from a Pool with"
            + " spec.ttl")
public record MachineTemplate(
    @Default Map<String, String> labels,
    String image,
    String size,
    @Default List<String> profiles,
    @Default("bios") Firmware firmware,
    @Default List<MachineSpec.Nic> nics,
    @Default List<MachineSpec.Bond> bonds,
    @Default List<MachineSpec.Vlan> vlans,
    @Default List<MachineSpec.Bridge> bridges,
    @Nullable ProfileSpec overrides,
    @Default List<VolumeTemplate> volumes,
    @Default("1800") Integer readyTimeoutSeconds,
    @Nullable DriftPolicy drift) {
  public MachineTemplate {
    labels = labels == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(labels));
    profiles = profiles == null ? List.of() : List.copyOf(profiles);
    firmware = firmware == null ? Firmware.BIOS : firmware;
    nics = nics == null ? List.of() : List.copyOf(nics);
    bonds = bonds == null ? List.of() : List.copyOf(bonds);
    vlans = vlans == null ? List.of() : List.copyOf(vlans);
    bridges = bridges == null ? List.of() : List.copyOf(bridges);
    overrides = ProfileSpec.NONE.equals(overrides) ? null : overrides;
    volumes = volumes == null ? List.of() : List.copyOf(volumes);
    readyTimeoutSeconds = readyTimeoutSeconds == null ? Integer.valueOf(1800) : readyTimeoutSeconds;
  }

  /**
   * A data disk of each member, a Volume called {@code MEMBER-NAME}.
   *
   * @param name behind that of the member
   * @param size 1 MiB to 64 TiB; it can grow, never shrink
   * @param reclaim what becomes of it when its member leaves; retain if not given
   * @param quarantineDays how long a deleted one can be restored, 0 to 3650 days; 7 if not given
   * @param filesystem that a member's guest makes on it, if and only if it is blank; none if not
   *     given
   * @param mount path in the member's file system where its first boot mounts it; nowhere if not
   *     given
   * @param detach how it leaves a member that runs; stopped if not given
   */
  public record VolumeTemplate(
      String name,
      ByteSize size,
      @Default("retain") VolumeSpec.Reclaim reclaim,
      @Default("7") Integer quarantineDays,
      VolumeSpec.@Nullable Filesystem filesystem,
      @Nullable String mount,
      VolumeSpec.@Nullable Detach detach) {
    public VolumeTemplate {
      reclaim = reclaim == null ? VolumeSpec.Reclaim.RETAIN : reclaim;
      quarantineDays = quarantineDays == null ? Integer.valueOf(7) : quarantineDays;
    }

    /** Of a member on this hypervisor. */
    public VolumeSpec spec(String hypervisor) {
      return new VolumeSpec(size, hypervisor, reclaim, quarantineDays, filesystem, mount, detach);
    }
  }

  /** One machine of it. */
  public MachineSpec spec(@Nullable String hypervisor, Power power, List<String> disks) {
    return new MachineSpec(
        hypervisor,
        image,
        size,
        profiles,
        firmware,
        power,
        null,
        nics,
        bonds,
        vlans,
        bridges,
        overrides,
        disks,
        readyTimeoutSeconds,
        null,
        drift,
        null);
  }

  void check(Violations at) {
    Names.checkLabels(labels, at.field("labels"));
    labels
        .keySet()
        .forEach(key ->
            at.field("labels")
                .field(key)
                .require(
                    !key.startsWith(Names.OURS), "labels of " + Names.OURS + " are Millwright's"));
    spec(null, Power.ON, List.of()).check(at);
    List<MachineSpec.Nic> cards = nics;
    for (int i = 0; i < cards.size(); i++) {
      Violations here = at.field("nics").index(i);
      here.field("mac").require(cards.get(i).mac() == null, "two machines cannot have one MAC");
      checkShared(cards.get(i), here);
    }
    for (int i = 0; i < bonds.size(); i++) {
      checkShared(bonds.get(i), at.field("bonds").index(i));
    }
    for (int i = 0; i < vlans.size(); i++) {
      checkShared(vlans.get(i), at.field("vlans").index(i));
    }
    for (int i = 0; i < bridges.size(); i++) {
      checkShared(bridges.get(i), at.field("bridges").index(i));
    }
    Set<String> names = new HashSet<>();
    Set<String> mounts = new HashSet<>();
    for (int i = 0; i < volumes.size(); i++) {
      VolumeTemplate volume = volumes.get(i);
      Violations here = at.field("volumes").index(i);
      Names.checkLabel(volume.name(), here.field("name"));
      here.field("name").require(names.add(volume.name()), "stands here twice");
      volume.spec("any").check(here);
      if (volume.mount() != null) {
        here.field("mount").require(mounts.add(volume.mount()), "stands here twice");
      }
    }
  }

  private static void checkShared(MachineSpec.Interface face, Violations at) {
    at.field("ipv4")
        .require(
            !(face.ipv4() instanceof Addressing.Fixed),
            "two machines cannot have one address; write auto or dhcp");
    at.field("ipv6")
        .require(
            !(face.ipv6() instanceof Addressing.Fixed),
            "two machines cannot have one address; write auto, dhcp or slaac");
  }

  List<Ref> references(String prefix) {
    return spec(null, Power.ON, List.of()).references().stream()
        .map(r -> new Ref(r.kind(), r.name(), prefix + r.field().substring("spec.".length())))
        .toList();
  }
}
