package io.millwright.cli;

import io.millwright.client.Answer;
import io.millwright.client.ApiException;
import io.millwright.client.EventStream;
import io.millwright.client.MillwrightApi;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The kinds of resources, and which calls of the API belong to each. */
enum Kind {
  HYPERVISOR,
  NETWORK,
  IMAGE,
  SIZE,
  PROFILE,
  VOLUME,
  MACHINE,
  SNAPSHOT,
  GROUP,
  POOL,
  SOURCE,
  WEBHOOK,
  OFFER;

  /** The project whose resources all projects can name. */
  static final String SHARED = "shared";

  /** {@code machine}. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** {@code Machine}, as in a manifest. */
  String title() {
    return name().charAt(0) + word().substring(1);
  }

  /** {@code machines}. */
  String plural() {
    return word() + "s";
  }

  /** {@code hello} of {@code hello} or {@code machine/hello}. */
  String bare(String word) {
    String prefix = word() + "/";
    return word.startsWith(prefix) ? word.substring(prefix.length()) : word;
  }

  /**
   * The kind of this singular or plural, in any case.
   *
   * @throws Failure if there is none
   */
  static Kind parse(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    for (Kind kind : values()) {
      if (kind.word().equals(lower) || kind.plural().equals(lower)) {
        return kind;
      }
    }
    String things = lower.endsWith("s") ? lower : lower + "s";
    String command =
        switch (things) {
          case "events" -> "events";
          case "operations", "tokens", "users", "members", "projects", "approvals", "orphans" ->
              things.substring(0, things.length() - 1) + " list";
          default -> "";
        };
    throw Failure.usage(
        "there is no kind '"
            + text
            + "'"
            + (command.isEmpty()
                ? Cli.meant(lower, words()) + "; the kinds are " + String.join(", ", words())
                : "; " + things + " have a command of their own: millwright " + command));
  }

  static List<String> words() {
    return Arrays.stream(values()).map(Kind::word).toList();
  }

  /** For the shell's completion. */
  static final class Words implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return words().iterator();
    }
  }

  Answer list(
      MillwrightApi api,
      String project,
      @Nullable String labels,
      @Nullable String fields,
      @Nullable String cursor) {
    Integer limit = 500;
    return switch (this) {
      case HYPERVISOR -> api.listHypervisors(project, cursor, fields, labels, limit);
      case NETWORK -> api.listNetworks(project, cursor, fields, labels, limit);
      case IMAGE -> api.listImages(project, cursor, fields, labels, limit);
      case SIZE -> api.listSizes(project, cursor, fields, labels, limit);
      case PROFILE -> api.listProfiles(project, cursor, fields, labels, limit);
      case VOLUME -> api.listVolumes(project, cursor, fields, labels, limit);
      case SNAPSHOT -> api.listSnapshots(project, cursor, fields, labels, limit);
      case MACHINE -> api.listMachines(project, cursor, fields, labels, limit);
      case GROUP -> api.listGroups(project, cursor, fields, labels, limit);
      case POOL -> api.listPools(project, cursor, fields, labels, limit);
      case SOURCE -> api.listSources(project, cursor, fields, labels, limit);
      case WEBHOOK -> api.listWebhooks(project, cursor, fields, labels, limit);
      case OFFER -> api.listOffers(project, cursor, fields, labels, limit);
    };
  }

  EventStream watch(
      MillwrightApi api,
      String project,
      @Nullable String labels,
      @Nullable String fields,
      @Nullable String last) {
    return switch (this) {
      case HYPERVISOR -> api.streamHypervisors(project, last, null, fields, labels, null);
      case NETWORK -> api.streamNetworks(project, last, null, fields, labels, null);
      case IMAGE -> api.streamImages(project, last, null, fields, labels, null);
      case SIZE -> api.streamSizes(project, last, null, fields, labels, null);
      case PROFILE -> api.streamProfiles(project, last, null, fields, labels, null);
      case VOLUME -> api.streamVolumes(project, last, null, fields, labels, null);
      case SNAPSHOT -> api.streamSnapshots(project, last, null, fields, labels, null);
      case MACHINE -> api.streamMachines(project, last, null, fields, labels, null);
      case GROUP -> api.streamGroups(project, last, null, fields, labels, null);
      case POOL -> api.streamPools(project, last, null, fields, labels, null);
      case SOURCE -> api.streamSources(project, last, null, fields, labels, null);
      case WEBHOOK -> api.streamWebhooks(project, last, null, fields, labels, null);
      case OFFER -> api.streamOffers(project, last, null, fields, labels, null);
    };
  }

  /** As the server finds what is named: in this project, or else in the one that all share. */
  Answer find(MillwrightApi api, String project, String name) {
    try {
      return get(api, project, name);
    } catch (ApiException e) {
      if (!Follow.notFound(e) || project.equals(SHARED)) {
        throw e;
      }
      try {
        return get(api, SHARED, name);
      } catch (ApiException nowhere) {
        throw Follow.notFound(nowhere) ? e : nowhere;
      }
    }
  }

  Answer get(MillwrightApi api, String project, String name) {
    return switch (this) {
      case HYPERVISOR -> api.getHypervisor(project, name, null);
      case NETWORK -> api.getNetwork(project, name, null);
      case IMAGE -> api.getImage(project, name, null);
      case SIZE -> api.getSize(project, name, null);
      case PROFILE -> api.getProfile(project, name, null);
      case VOLUME -> api.getVolume(project, name, null);
      case SNAPSHOT -> api.getSnapshot(project, name, null);
      case MACHINE -> api.getMachine(project, name, null);
      case GROUP -> api.getGroup(project, name, null);
      case POOL -> api.getPool(project, name, null);
      case SOURCE -> api.getSource(project, name, null);
      case WEBHOOK -> api.getWebhook(project, name, null);
      case OFFER -> api.getOffer(project, name, null);
    };
  }

  Answer delete(MillwrightApi api, String project, String name) {
    return switch (this) {
      case HYPERVISOR -> api.deleteHypervisor(project, name, null);
      case NETWORK -> api.deleteNetwork(project, name, null);
      case IMAGE -> api.deleteImage(project, name, null);
      case SIZE -> api.deleteSize(project, name, null);
      case PROFILE -> api.deleteProfile(project, name, null);
      case VOLUME -> api.deleteVolume(project, name, null);
      case SNAPSHOT -> api.deleteSnapshot(project, name, null);
      case MACHINE -> api.deleteMachine(project, name, null);
      case GROUP -> api.deleteGroup(project, name, null);
      case POOL -> api.deletePool(project, name, null);
      case SOURCE -> api.deleteSource(project, name, null);
      case WEBHOOK -> api.deleteWebhook(project, name, null);
      case OFFER -> api.deleteOffer(project, name, null);
    };
  }
}
