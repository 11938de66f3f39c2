package io.millwright.driver.vsphere;

import io.millwright.model.Devices;
import io.millwright.model.Mac;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What of a machine's devices can be seen from outside: little, for it is remembered of each.
 *
 * @param models what its cards and those of its disks are that are ours, if they are all of one
 *     kind; what else somebody has plugged in does not count
 * @param disks those that are ours, in the order in which the machine sees them
 * @param foreignDisks what its other disks are called
 * @param medium the one of ours in its drive, or null
 * @param vendors true if a vendor's medium that we have brought is in its second drive
 * @param files all that it has as disks, below them, or in its drives, as they are called within
 *     their datastores
 */
record Hardware(
    @Nullable Devices models,
    List<Disk> disks,
    List<String> foreignDisks,
    List<Card> cards,
    @Nullable String medium,
    boolean vendors,
    Set<String> files) {

  /** Of one whose devices were not told. */
  static final Hardware NONE =
      new Hardware(Devices.PARAVIRTUAL, List.of(), List.of(), List.of(), null, false, Set.of());

  /**
   * @param linked true if what is at its bottom is an image's copy, and so it does not grow
   */
  record Disk(String name, long kib, boolean linked) {}

  /**
   * @param network name of the standard network that it is plugged into, or empty
   * @param portgroup key of the distributed port group that it is plugged into, or empty
   */
  record Card(Mac mac, String network, String portgroup) {}

  static Hardware of(List<Element> devices, String installation) {
    Optional<Long> scsi = VmFacts.controller(devices);
    List<Element> cards = VmFacts.cards(devices);
    List<Disk> disks = new ArrayList<>();
    List<String> foreign = new ArrayList<>();
    List<Optional<Devices>> models = new ArrayList<>();
    List<VmFacts.Disk> all = VmFacts.disks(devices);
    for (VmFacts.Disk disk : all) {
      VmFacts.objectName(disk.file(), DatastoreFiles.DISK, installation)
          .ifPresentOrElse(
              name -> {
                disks.add(new Disk(name, disk.device().number("capacityInKB"), disk.linked()));
                // Whichever SCSI controller an operator has given it.
                boolean onIt =
                    scsi.filter(k -> k == disk.device().number("controllerKey")).isPresent();
                models.add(Optional.of(onIt ? Devices.PARAVIRTUAL : Devices.EMULATED));
              },
              () -> foreign.add(disk.name()));
    }
    cards.forEach(card ->
        models.add(
            Stream.of(Devices.values())
                .filter(d -> VmFacts.cardType(d).equals(card.type()))
                .findFirst()));
    List<Optional<Devices>> kinds = models.stream().distinct().toList();
    return new Hardware(
        kinds.isEmpty()
            ? Devices.PARAVIRTUAL
            : kinds.size() > 1 ? null : kinds.getFirst().orElse(null),
        List.copyOf(disks),
        List.copyOf(foreign),
        cards.stream().flatMap(card -> card(card).stream()).toList(),
        VmFacts.objectName(
                VmFacts.file(VmFacts.drives(devices).findFirst()),
                DatastoreFiles.MEDIUM,
                installation)
            .orElse(null),
        VmFacts.file(VmFacts.drives(devices).skip(1).findFirst())
            .contains("/" + DatastoreFiles.image(installation, "")),
        Stream.concat(
                all.stream().flatMap(d -> d.files().stream()),
                VmFacts.drives(devices)
                    .map(d -> VmFacts.inDatastore(VmFacts.file(Optional.of(d))))
                    .filter(file -> !file.isEmpty()))
            .collect(Collectors.toUnmodifiableSet()));
  }

  private static Optional<Card> card(Element card) {
    try {
      return Optional.of(
          new Card(
              Mac.parse(card.text("macAddress").toLowerCase(Locale.ROOT)),
              card.text("backing", "deviceName"),
              card.text("backing", "port", "portgroupKey")));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // a foreign machine may have any
    }
  }
}
