package io.millwright.driver.proxmox;

import io.millwright.driver.DriverException;
import io.millwright.driver.ObjectName;
import java.net.http.HttpRequest.BodyPublisher;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * What storages hold.
 *
 * <p>Proxmox VE copies an uploaded file to its final name, and cannot rename one. So that a
 * half-copied file is never taken for a whole one, the name tells the length: {@code
 * STEM.LENGTH.iso}.
 */
final class Contents {
  private static final Pattern FILE = Pattern.compile("([^/]+)\\.([0-9]{1,15})\\.(iso|qcow2|raw)");
  private static final Pattern IMAGE = Pattern.compile("([0-9a-f]{64})-([0-9]{1,9})m");

  /**
   * A volume.
   *
   * @param id with the storage before a colon
   * @param owner number of the VM that it belongs to, or 0
   */
  record Volume(String id, long size, int owner) {
    private Optional<Matcher> file() {
      Matcher m = FILE.matcher(id.substring(Math.max(id.lastIndexOf('/'), id.indexOf(':')) + 1));
      return m.matches() ? Optional.of(m) : Optional.empty();
    }

    /** Its name without length and ending, or an empty text. */
    String stem() {
      return file().map(m -> m.group(1)).orElse("");
    }

    boolean whole() {
      return file().filter(m -> Long.parseLong(m.group(2)) == size).isPresent();
    }
  }

  /**
   * A staged image.
   *
   * @param mib of the disk in it
   */
  record Image(String sha256, long mib, Volume volume) {
    /** True if it is a medium for drives, and no disk. */
    boolean medium() {
      return volume.id().endsWith(".iso");
    }
  }

  private final Api api;
  private final Tasks tasks;
  private final String prefix;

  Contents(Api api, Tasks tasks, String installation) {
    this.api = api;
    this.tasks = tasks;
    this.prefix = "mw-" + installation + "-";
  }

  private static String path(Cluster.Storage at, Object... rest) {
    return Api.path("nodes", at.node(), "storage", at.name()) + Api.path(rest);
  }

  List<Volume> list(Cluster.Storage at, String content) throws DriverException, PveFault {
    List<Volume> out = new ArrayList<>();
    for (JsonNode row : api.get(path(at, "content"), Map.of("content", content))) {
      out.add(
          new Volume(
              row.path("volid").asString(""),
              row.path("size").asLong(0),
              row.path("vmid").asInt(0)));
    }
    return List.copyOf(out);
  }

  /**
   * Disks by the number of the VM in their names. A holder has one, but a creation that died may
   * have left another one under its number.
   */
  Map<Integer, List<Volume>> disks(Cluster.Place place) throws DriverException, PveFault {
    Map<Integer, List<Volume>> out = new LinkedHashMap<>();
    list(place.storage(), "images")
        .forEach(v -> out.computeIfAbsent(v.owner(), _ -> new ArrayList<>()).add(v));
    return out;
  }

  /**
   * What is there of ours.
   *
   * @param images whole ones, vendors' media among them
   * @param halfImages sha256 of the others
   * @param media of machines, whole ones
   * @param halfMedia the others
   */
  record Files(
      List<Image> images,
      Set<String> halfImages,
      Map<ObjectName, Volume> media,
      Set<ObjectName> halfMedia) {}

  /** By two listings. */
  Files files(Cluster.Place place) throws DriverException, PveFault {
    List<Volume> isos = list(place.files(), "iso");
    List<Volume> all = new ArrayList<>(list(place.files(), "import"));
    all.addAll(isos);
    Set<String> halfImages = new TreeSet<>();
    all.stream()
        .filter(volume -> !volume.whole())
        .forEach(volume -> image(volume.stem()).ifPresent(m -> halfImages.add(m.group(1))));
    Map<ObjectName, Volume> media = media(isos);
    Set<ObjectName> halfMedia = new LinkedHashSet<>();
    isos.stream()
        .filter(volume -> volume.stem().startsWith(prefix) && !volume.whole())
        .forEach(volume -> ObjectName.parse(volume.stem()).ifPresent(halfMedia::add));
    halfMedia.removeAll(media.keySet());
    return new Files(images(all), halfImages, media, halfMedia);
  }

  List<Image> images(Cluster.Place place) throws DriverException, PveFault {
    return files(place).images();
  }

  private List<Image> images(List<Volume> all) {
    List<Image> out = new ArrayList<>();
    for (Volume volume : all) {
      image(volume.stem())
          .filter(m -> volume.whole())
          .ifPresent(m -> out.add(new Image(m.group(1), Long.parseLong(m.group(2)), volume)));
    }
    return List.copyOf(out);
  }

  private Optional<Matcher> image(String stem) {
    if (!stem.startsWith(prefix)) {
      return Optional.empty();
    }
    Matcher m = IMAGE.matcher(stem.substring(prefix.length()));
    return m.matches() ? Optional.of(m) : Optional.empty();
  }

  String imageStem(String sha256, long mib) {
    return prefix + sha256 + "-" + mib + "m";
  }

  /** Media of ours that are whole. */
  Map<ObjectName, Volume> media(Cluster.Place place) throws DriverException, PveFault {
    return media(list(place.files(), "iso"));
  }

  private Map<ObjectName, Volume> media(List<Volume> isos) {
    Map<ObjectName, Volume> out = new LinkedHashMap<>();
    for (Volume volume : isos) {
      if (volume.stem().startsWith(prefix) && volume.whole()) {
        ObjectName.parse(volume.stem()).ifPresent(name -> out.put(name, volume));
      }
    }
    return out;
  }

  /**
   * Puts a file there; one of this name is replaced.
   *
   * @param values more of the request, such as a checksum
   */
  void put(
      Cluster.Storage at,
      String content,
      String stem,
      String ending,
      BodyPublisher bytes,
      Map<String, String> values)
      throws DriverException, PveFault {
    String name = stem + "." + bytes.contentLength() + "." + ending;
    Map<String, String> all = new LinkedHashMap<>(values);
    all.put("content", content);
    tasks.finish(
        api.upload(path(at, "upload"), all, name, bytes), Tasks.LEISURE, "the upload of " + name);
    for (Volume other : list(at, content)) {
      if (other.stem().equals(stem) && !other.id().endsWith("/" + name)) {
        remove(at, other);
      }
    }
  }

  /**
   * Waits for what may still be copied to a half file of this name, that a server which died had
   * sent: Proxmox VE copies it on, and a second copy would be written over the first. A copy that
   * begins later is of something else, and a half file that none of them completes is a dead one.
   */
  void awaitCopy(Cluster.Storage at, String content, String stem) throws DriverException, PveFault {
    // Which file one of them is about, it does not tell.
    for (String copy : tasks.active(at.node(), "imgcopy")) {
      if (list(at, content).stream().noneMatch(v -> v.stem().equals(stem) && !v.whole())) {
        return;
      }
      tasks.awaitEnd(copy);
    }
  }

  void remove(Cluster.Storage at, Volume volume) throws DriverException, PveFault {
    tasks.finish(
        api.delete(path(at, "content", volume.id()), Map.of()), "the removal of " + volume.id());
  }

  /** Removes whatever begins so, half-copied files as well. */
  void removeAll(Cluster.Storage at, String content, String begin)
      throws DriverException, PveFault {
    for (Volume volume : list(at, content)) {
      if (volume.stem().startsWith(begin)) {
        remove(at, volume);
      }
    }
  }
}
