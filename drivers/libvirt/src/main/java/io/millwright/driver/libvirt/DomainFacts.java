package io.millwright.driver.libvirt;

import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.ObjectName;
import io.millwright.model.ByteSize;
import io.millwright.model.Devices;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * What a domain document says; foreign ones as well, which may hold anything libvirt allows.
 *
 * @param mark null if it carries none of ours
 * @param devices what its drive, its cards and those of its disks are that are ours, if all are of
 *     one kind
 * @param driveBus what the drive of its medium is on
 * @param files paths of all its disks and media, whosever they are
 * @param disks object names of its disks that are ours, in order
 * @param foreignDisks what its other disks are, without their directories, in order
 * @param nics its cards in order; one in a network of libvirt's, on a bridge, or on neither
 * @param installer true if it starts a kernel or has the drive of an installation medium
 * @param targets what its disks are called in the document, by file: {@code vda}
 */
record DomainFacts(
    UUID uid,
    String name,
    @Nullable Mark mark,
    int cores,
    ByteSize memory,
    @Nullable Devices devices,
    String driveBus,
    List<String> files,
    List<String> disks,
    List<String> foreignDisks,
    List<MachineDefinition.Nic> nics,
    @Nullable String mediumFile,
    @Nullable String medium,
    boolean installer,
    List<Target> targets) {

  /** A disk of the machine, the file behind it, and the serial under which the guest sees it. */
  record Target(String device, String file, String serial) {}

  /** Whether a disk of it is called so in the document. */
  boolean uses(String target) {
    return targets.stream().anyMatch(t -> t.device().equals(target));
  }

  /** The disk of ours of this name, if the machine has it. */
  Optional<Target> target(String disk, String installation) {
    return targets.stream()
        .filter(t -> objectName(t.file(), installation).filter(disk::equals).isPresent())
        .findFirst();
  }

  /** Builders are not safe for several threads, and dear to make. */
  private static final ThreadLocal<DocumentBuilder> BUILDER =
      ThreadLocal.withInitial(DomainFacts::builder);

  private static DocumentBuilder builder() {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
      factory.setNamespaceAware(true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      factory.setXIncludeAware(false);
      return factory.newDocumentBuilder();
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Reads a document.
   *
   * @param installation whose marks and objects count as ours
   */
  static DomainFacts read(String xml, String installation) throws LibvirtError {
    Element domain = parse(xml);
    UUID uid = UUID.fromString(text(domain, "uuid"));
    List<String> files = new ArrayList<>();
    List<String> disks = new ArrayList<>();
    List<String> foreignDisks = new ArrayList<>();
    List<MachineDefinition.Nic> nics = new ArrayList<>();
    List<Target> targets = new ArrayList<>();
    Set<String> models = new HashSet<>();
    String driveBus = DomainXml.driveBus(Devices.PARAVIRTUAL);
    String mediumFile = null;
    boolean installer =
        children(domain, "os").stream().anyMatch(os -> child(os, "kernel").isPresent());
    for (Element devices : children(domain, "devices")) {
      for (Element disk : children(devices, "disk")) {
        String device = child(disk, "target").map(t -> t.getAttribute("dev")).orElse("");
        String bus = child(disk, "target").map(t -> t.getAttribute("bus")).orElse("");
        if (device.equals(DomainXml.MEDIUM_TARGET) && disk.getAttribute("device").equals("cdrom")) {
          models.add(bus);
          driveBus = bus;
        }
        String file = file(disk);
        if (isDisk(disk) && (file == null || objectName(file, installation).isEmpty())) {
          source(disk).ifPresent(foreignDisks::add);
        }
        if (file == null) {
          continue;
        }
        files.add(file);
        targets.add(new Target(device, file, text(disk, "serial")));
        if (disk.getAttribute("device").equals("cdrom")) {
          installer |= device.equals(DomainXml.INSTALLER_TARGET);
          mediumFile = device.equals(DomainXml.MEDIUM_TARGET) ? file : mediumFile;
        } else {
          // What else somebody has plugged in is told, and no matter of ours.
          objectName(file, installation)
              .ifPresent(name -> {
                disks.add(name);
                models.add(bus);
              });
        }
      }
      for (Element nic : children(devices, "interface")) {
        models.add(child(nic, "model").map(m -> m.getAttribute("type")).orElse(""));
        child(nic, "mac")
            .flatMap(mac -> mac(mac.getAttribute("address")))
            .ifPresent(mac -> nics.add(nic(nic, mac)));
      }
    }
    Mark mark =
        child(domain, "metadata")
            .flatMap(DomainFacts::markIn)
            .filter(m -> m.installation().equals(installation) && m.uid().equals(uid))
            .orElse(null);
    return new DomainFacts(
        uid,
        text(domain, "name"),
        mark,
        number(text(domain, "vcpu")),
        memory(domain),
        devices(models),
        driveBus,
        files,
        disks,
        foreignDisks,
        nics,
        mediumFile,
        mediumFile == null ? null : objectName(mediumFile, installation).orElse(null),
        installer,
        targets);
  }

  private static @Nullable Devices devices(Set<String> models) {
    return models.isEmpty() // not of ours, which have a drive
        ? null
        : Set.of("virtio", "scsi").containsAll(models)
            ? Devices.PARAVIRTUAL
            : Set.of("sata", "e1000e").containsAll(models) ? Devices.EMULATED : null;
  }

  /** True if something shows what the machine has on its screen. */
  static boolean hasScreen(String xml) throws LibvirtError {
    return children(parse(xml), "devices").stream()
        .flatMap(devices -> children(devices, "graphics").stream())
        .anyMatch(graphics -> graphics.getAttribute("type").equals("vnc"));
  }

  /** The mark in the element that libvirt keeps for us, or nothing. */
  static Optional<Mark> mark(String element) throws LibvirtError {
    return mark(parse(element));
  }

  private static Optional<Mark> markIn(Element metadata) {
    for (Node n = metadata.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element e && DomainXml.NAMESPACE.equals(e.getNamespaceURI())) {
        return mark(e);
      }
    }
    return Optional.empty();
  }

  private static Optional<Mark> mark(Element element) {
    try {
      return Optional.of(
          new Mark(
              element.getAttribute("installation"),
              UUID.fromString(element.getAttribute("uid")),
              Long.parseLong(element.getAttribute("generation"))));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // somebody has edited it: not to be taken for ours
    }
  }

  /** What starts it. */
  static Firmware firmware(String xml) throws LibvirtError {
    return children(parse(xml), "os").stream()
            .anyMatch(os ->
                os.getAttribute("firmware").equals("efi")
                    || child(os, "loader")
                        .filter(l -> l.getAttribute("type").equals("pflash"))
                        .isPresent())
        ? Firmware.UEFI
        : Firmware.BIOS;
  }

  /** Its disks of whatever kind, but not its drives; what is behind one may be no file. */
  static List<Target> allDisks(String xml) throws LibvirtError {
    List<Target> out = new ArrayList<>();
    for (Element devices : children(parse(xml), "devices")) {
      for (Element disk : children(devices, "disk")) {
        String device = disk.getAttribute("device");
        if (device.isEmpty() || device.equals("disk") || device.equals("lun")) {
          String file = file(disk);
          out.add(
              new Target(
                  child(disk, "target").map(t -> t.getAttribute("dev")).orElse(""),
                  file == null ? "" : file,
                  text(disk, "serial")));
        }
      }
    }
    return out;
  }

  /** Its disks that are not ours, as they stand in the document; drives are none. */
  static List<Element> foreign(String xml, String installation) throws LibvirtError {
    List<Element> out = new ArrayList<>();
    for (Element devices : children(parse(xml), "devices")) {
      for (Element disk : children(devices, "disk")) {
        String file = file(disk);
        if (isDisk(disk) && (file == null || objectName(file, installation).isEmpty())) {
          out.add(disk);
        }
      }
    }
    return out;
  }

  /** The last part of what a disk is kept in; empty if that is no file. */
  static String fileName(Element disk) {
    String file = file(disk);
    return file == null ? "" : file.substring(file.lastIndexOf('/') + 1);
  }

  /** What a disk is called in the document. */
  static String target(Element disk) {
    return child(disk, "target").map(t -> t.getAttribute("dev")).orElse("");
  }

  /** True for a guest that only tries out the acceleration. */
  static boolean probe(String xml) {
    return xml.contains(DomainXml.NAMESPACE) && xml.contains("<name>mw-probe-");
  }

  private static @Nullable String file(Element disk) {
    Optional<Element> source = child(disk, "source");
    String file = source.map(s -> s.getAttribute("file")).orElse("");
    if (file.isEmpty()) {
      file = source.map(s -> s.getAttribute("volume")).orElse("");
    }
    return file.isEmpty() ? null : file;
  }

  private static boolean isDisk(Element disk) {
    return !Set.of("cdrom", "floppy").contains(disk.getAttribute("device"));
  }

  /** What is behind a disk of any kind, without its directory; nothing of an empty drive. */
  private static Optional<String> source(Element disk) {
    return child(disk, "source")
        .flatMap(source ->
            Stream.of("file", "volume", "dev", "name")
                .map(source::getAttribute)
                .filter(text -> !text.isEmpty())
                .findFirst())
        .map(path -> path.substring(path.lastIndexOf('/') + 1));
  }

  /** The object name in a path, if the object is this installation's. */
  static Optional<String> objectName(String path, String installation) {
    return ObjectName.parse(path.substring(path.lastIndexOf('/') + 1))
        .filter(name -> name.mark().installation().equals(installation))
        .map(ObjectName::toString);
  }

  /** The card as {@link DomainXml} would have written it; attached to nothing if it would not. */
  private static MachineDefinition.Nic nic(Element nic, Mac mac) {
    String type = nic.getAttribute("type");
    List<Element> tags = child(nic, "vlan").map(vlan -> children(vlan, "tag")).orElseGet(List::of);
    boolean plain =
        tags.isEmpty() && child(nic, "vlan").isEmpty()
            || tags.size() == 1 && !child(nic, "vlan").get().getAttribute("trunk").equals("yes");
    return new MachineDefinition.Nic(
        mac,
        plain && type.equals("bridge") ? source(nic, "bridge") : null,
        plain && type.equals("network") ? source(nic, "network") : null,
        plain && !tags.isEmpty() ? size(tags.getFirst(), "id") : null,
        child(nic, "mtu").map(mtu -> size(mtu, "size")).orElse(null));
  }

  private static @Nullable String source(Element nic, String attribute) {
    return child(nic, "source")
        .map(source -> source.getAttribute(attribute))
        .filter(name -> !name.isEmpty())
        .orElse(null);
  }

  private static @Nullable Integer size(Element of, String attribute) {
    String text = of.getAttribute(attribute);
    return text.matches("[0-9]{1,9}") ? Integer.valueOf(text) : null;
  }

  private static Optional<Mac> mac(String text) {
    try {
      return Optional.of(Mac.parse(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // a foreign machine's, of a kind that we do not have
    }
  }

  private static ByteSize memory(Element domain) {
    Element memory = child(domain, "memory").orElse(null);
    if (memory == null) {
      return ByteSize.ofMib(0);
    }
    long amount = Long.parseLong(memory.getTextContent().strip());
    // libvirt always answers in KiB
    return ByteSize.ofMib(amount / 1024);
  }

  private static int number(String text) {
    return text.isEmpty() ? 0 : Integer.parseInt(text);
  }

  private static Element parse(String xml) throws LibvirtError {
    try {
      return BUILDER.get().parse(new InputSource(new StringReader(xml))).getDocumentElement();
    } catch (SAXException | IOException e) {
      throw new LibvirtError(
          LibvirtError.INTERNAL_ERROR, 0, "libvirt gave a document that is no XML: " + e);
    }
  }

  private static List<Element> children(Element of, String name) {
    List<Element> out = new ArrayList<>();
    for (Node n = of.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element e && name.equals(e.getLocalName())) {
        out.add(e);
      }
    }
    return out;
  }

  private static Optional<Element> child(Element of, String name) {
    return children(of, name).stream().findFirst();
  }

  private static String text(Element of, String name) {
    return child(of, name).map(e -> e.getTextContent().strip()).orElse("");
  }
}
