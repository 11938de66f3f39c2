package io.millwright.driver.proxmox;

import io.millwright.driver.Background;
import io.millwright.driver.Disks;
import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.ObjectName;
import io.millwright.driver.Outcome;
import io.millwright.driver.proxmox.Cluster.Guest;
import io.millwright.model.ByteSize;
import java.io.FileNotFoundException;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Disks, each with a VM of its own that holds it and is never started.
 *
 * <p>On Proxmox VE a disk belongs to a VM and is destroyed with it, whoever else has it plugged in;
 * and one that is made from an image cannot be given a name. So it belongs to a VM that is there
 * for nothing else: it carries the mark, is protected against removal, and is made in one request
 * that leaves either all of it or nothing. Machines have the disk plugged in as another VM's, and
 * their removal leaves it where it is.
 */
final class HeldDisks implements Disks, AutoCloseable {
  private final Api api;
  private final Tasks tasks;
  private final Settings settings;
  private final Guests guests;
  private final Contents contents;
  private final Duration patience;
  private final Background<String> uploads;

  /**
   * @param patience how long a call waits for what may take minutes; then whoever asked comes again
   */
  HeldDisks(
      Api api,
      Tasks tasks,
      Settings settings,
      Guests guests,
      Contents contents,
      Duration patience) {
    this.api = api;
    this.tasks = tasks;
    this.settings = settings;
    this.guests = guests;
    this.contents = contents;
    this.patience = patience;
    this.uploads = new Background<>(patience, Guests.POLL);
  }

  @Override
  public void close() {
    uploads.close();
  }

  // ------------------------------------------------------------------------------------- images

  /** Goes on in the background when the one who asked gives up, and is found by the next one. */
  @Override
  public Outcome stage(Image image) throws DriverException {
    String sha256 = image.sha256();
    if (!uploads.has(sha256)
        && api.act(() -> staged(Cluster.read(api).place(settings), sha256)).isPresent()) {
      return Outcome.DONE;
    }
    return uploads.ask(
        sha256,
        "upload of " + sha256,
        "The Proxmox VE driver failed to stage an image.",
        () -> api.act(() -> put(image)));
  }

  private Outcome put(Image image) throws DriverException, PveFault {
    Cluster.Place place = Cluster.read(api).place(settings);
    contents.awaitCopy(place.files(), content(image), stem(image));
    if (staged(place, image.sha256()).isEmpty()) {
      upload(place, image);
    }
    return Outcome.DONE;
  }

  /** Proxmox VE itself compares the checksum before it copies the file to its place. */
  private void upload(Cluster.Place place, Image image) throws DriverException, PveFault {
    try {
      contents.put(
          place.files(),
          content(image),
          stem(image),
          image.format(),
          BodyPublishers.ofFile(image.file()),
          Map.of("checksum-algorithm", "sha256", "checksum", image.sha256()));
    } catch (FileNotFoundException e) {
      throw new DriverException(
          FaultKind.REFUSED, "The image's file cannot be read.", e.toString(), e);
    }
  }

  private static String content(Image image) {
    return image.format().equals(Image.MEDIUM) ? "iso" : "import";
  }

  private String stem(Image image) {
    return contents.imageStem(image.sha256(), image.virtualSize().mib());
  }

  private Optional<Contents.Image> staged(Cluster.Place place, String sha256)
      throws DriverException, PveFault {
    return contents.images(place).stream().filter(i -> i.sha256().equals(sha256)).findFirst();
  }

  /** Disks are copies of their image, which need it no longer; a medium is in drives itself. */
  @Override
  public Outcome unstage(String sha256) throws DriverException {
    return api.act(() -> {
      Cluster cluster = Cluster.read(api);
      Cluster.Place place = cluster.place(settings);
      for (Contents.Image image : contents.images(place)) {
        if (image.sha256().equals(sha256) && image.medium()) {
          List<Guests.User> users = guests.users(cluster.machines().toList(), image.volume().id());
          if (!users.isEmpty()) {
            throw Guests.conflict(
                "A machine has this image in its drive.",
                "VM " + users.getFirst().guest().number());
          }
        }
      }
      String begin = "mw-" + guests.installation() + "-" + sha256 + "-";
      contents.removeAll(place.files(), "import", begin);
      contents.removeAll(place.files(), "iso", begin);
      return Outcome.DONE;
    });
  }

  // -------------------------------------------------------------------------------------- disks

  @Override
  public Outcome create(ObjectName name, ByteSize size, @Nullable String base)
      throws DriverException {
    guests.requireOurs(name.mark());
    return guests.alone(
        name.mark().uid(),
        () -> {
          Cluster cluster = Cluster.read(api);
          Cluster.Place place = cluster.place(settings);
          Optional<Guest> there = guests.holder(cluster, name);
          if (there.isPresent()) {
            return enlarge(cluster, place, there.get(), size);
          }
          String disk = fresh(place, size, base);
          Guests.Number free = guests.number(cluster, name.toString());
          if (free.making() != null) {
            return free.making();
          }
          int number = free.number();
          Outcome made = guests.make(place, number, holder(name, number, disk), patience);
          if (!made.equals(Outcome.DONE) || base == null) {
            return made;
          }
          Cluster now = Cluster.read(api);
          Optional<Guest> holder = guests.holder(now, name);
          return holder.isPresent() ? enlarge(now, place, holder.get(), size) : made;
        });
  }

  /** The value of a disk that is not there yet. */
  private String fresh(Cluster.Place place, ByteSize size, @Nullable String base)
      throws DriverException, PveFault {
    String storage = place.storage().name();
    if (base == null) {
      return storage + ":" + Options.gibibytes(size) + ",backup=0,ro=1";
    }
    Contents.Image image =
        staged(place, base)
            .filter(i -> !i.medium())
            .orElseThrow(() ->
                new DriverException(
                    FaultKind.REFUSED, "The image is not staged on the hypervisor."));
    if (image.mib() > size.mib()) {
      throw new DriverException(
          FaultKind.REFUSED,
          "The image needs a disk of at least " + ByteSize.ofMib(image.mib()) + ".");
    }
    return storage + ":0,import-from=" + image.volume().id() + ",backup=0,ro=1";
  }

  private static Map<String, String> holder(ObjectName name, int number, String disk) {
    Map<String, String> out = new LinkedHashMap<>();
    out.put(
        "name",
        "mw-"
            + name.role()
            + "-"
            + name.mark().uid().toString().substring(0, 8)
            + "-g"
            + name.mark().generation());
    out.put("tags", Label.of(name, number).toString());
    out.put(
        "description",
        "Holds the disk "
            + name
            + " of Millwright and nothing else. Do not start, clone or remove it: the disk belongs"
            + " to it and would be lost.");
    // Nothing is ever booted here; should somebody start it all the same, the disk is read-only.
    out.put("memory", "16");
    out.put("cores", "1");
    out.put("ostype", "other");
    out.put("scsihw", "virtio-scsi-pci");
    out.put("protection", "1");
    out.put("onboot", "0");
    out.put(Guests.HELD, disk);
    return out;
  }

  @Override
  public Outcome grow(ObjectName name, ByteSize size) throws DriverException {
    guests.requireOurs(name.mark());
    return guests.alone(
        name.mark().uid(),
        () -> {
          Cluster cluster = Cluster.read(api);
          Cluster.Place place = cluster.place(settings);
          Guest holder =
              guests
                  .holder(cluster, name)
                  .orElseThrow(
                      () -> Guests.conflict("There is no disk of this name.", name.toString()));
          long there = volume(place, holder).size();
          if (there > size.bytes()) {
            throw new DriverException(
                FaultKind.REFUSED,
                "The disk has "
                    + ByteSize.ofMib(there >> 20)
                    + " already and cannot be made smaller.");
          }
          return enlarge(cluster, place, holder, size);
        });
  }

  private Contents.Volume volume(Cluster.Place place, Guest holder)
      throws DriverException, PveFault {
    return guests
        .held(holder, contents.disks(place))
        .orElseThrow(() ->
            Guests.conflict(
                "A disk of ours is not in the storage that the settings name.",
                "no volume of VM " + holder.number() + " in " + place.storage().name()));
  }

  /** By the machine that has it plugged in, which else would go on with the old size. */
  private Outcome enlarge(Cluster cluster, Cluster.Place place, Guest holder, ByteSize size)
      throws DriverException, PveFault {
    Contents.Volume volume = volume(place, holder);
    if (volume.size() >= size.bytes()) {
      return Outcome.DONE;
    }
    List<Guest> machines =
        cluster
            .machines()
            .filter(guests::isOurs)
            .filter(g -> g.label().filter(l -> l.role() == null).isPresent())
            .toList();
    Guest by = holder;
    String at = Guests.HELD;
    for (Guests.User user : guests.users(machines, volume.id())) {
      if (Options.isDisk(user.at())) {
        by = user.guest();
        at = user.at();
      }
    }
    tasks.finish(
        api.put(Guests.path(by, "resize"), Map.of("disk", at, "size", size.mib() + "M")),
        "the resizing of " + volume.id());
    return Outcome.DONE;
  }

  /** All machines are asked, foreign ones as well; one that cannot be read may have it. */
  @Override
  public Outcome delete(ObjectName name) throws DriverException {
    guests.requireOurs(name.mark());
    return guests.alone(
        name.mark().uid(),
        () -> {
          Cluster cluster = Cluster.read(api);
          Optional<Guest> holder = guests.holder(cluster, name);
          if (holder.isEmpty()) {
            return Outcome.DONE;
          }
          String volume = guests.held(holder.get());
          List<Guest> others =
              cluster.machines().filter(g -> g.number() != holder.get().number()).toList();
          List<Guests.User> users = volume.isEmpty() ? List.of() : guests.users(others, volume);
          if (!users.isEmpty()) {
            throw Guests.conflict(
                "A machine has the disk attached.",
                String.format(
                    Locale.ROOT,
                    "VM %d (%s) has %s as %s",
                    users.getFirst().guest().number(),
                    users.getFirst().guest().name(),
                    volume,
                    users.getFirst().at()));
          }
          tasks.finish(
              api.put(Guests.path(holder.get(), "config"), Map.of("protection", "0")),
              "the end of the protection of VM " + holder.get().number());
          guests.destroy(holder.get());
          return Outcome.DONE;
        });
  }
}
