package io.millwright.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The kinds of resources that a manifest can declare. */
public enum Kind {
  HYPERVISOR("Hypervisor", "hypervisors", HypervisorSpec.class, HypervisorStatus.class),
  NETWORK("Network", "networks", NetworkSpec.class, NetworkStatus.class),
  SIZE("Size", "sizes", SizeSpec.class, PlainStatus.class),
  PROFILE("Profile", "profiles", ProfileSpec.class, PlainStatus.class),
  IMAGE("Image", "images", ImageSpec.class, ImageStatus.class),
  VOLUME("Volume", "volumes", VolumeSpec.class, VolumeStatus.class),
  MACHINE("Machine", "machines", MachineSpec.class, MachineStatus.class),
  SNAPSHOT("Snapshot", "snapshots", SnapshotSpec.class, SnapshotStatus.class),
  GROUP("Group", "groups", GroupSpec.class, GroupStatus.class),
  POOL("Pool", "pools", PoolSpec.class, PoolStatus.class),
  SOURCE("Source", "sources", SourceSpec.class, SourceStatus.class),
  WEBHOOK("Webhook", "webhooks", WebhookSpec.class, PlainStatus.class),
  OFFER("Offer", "offers", OfferSpec.class, PlainStatus.class);

  private final String title;
  private final String plural;
  private final Class<? extends Spec> spec;
  private final Class<? extends Status> status;

  Kind(String title, String plural, Class<? extends Spec> spec, Class<? extends Status> status) {
    this.title = title;
    this.plural = plural;
    this.spec = spec;
    this.status = status;
  }

  /** As written in a manifest's {@code kind}, for example {@code Machine}. */
  public String title() {
    return title;
  }

  /** As written in a path of the API, for example {@code machines}. */
  public String plural() {
    return plural;
  }

  public Class<? extends Spec> specType() {
    return spec;
  }

  public Class<? extends Status> statusType() {
    return status;
  }

  /** The kind of this title; manifests are exact about case. */
  public static Optional<Kind> ofTitle(String title) {
    return Arrays.stream(values()).filter(k -> k.title.equals(title)).findFirst();
  }

  /** The kind of this plural or singular in any case, as people type it into a command. */
  public static Optional<Kind> ofWord(String word) {
    String lower = word.toLowerCase(Locale.ROOT);
    return Arrays.stream(values())
        .filter(k -> k.plural.equals(lower) || k.title.toLowerCase(Locale.ROOT).equals(lower))
        .findFirst();
  }

  @Override
  public String toString() {
    return title;
  }
}
