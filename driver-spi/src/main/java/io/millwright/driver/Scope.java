package io.millwright.driver;

import java.util.UUID;

/** How much of a hypervisor to look at. */
public sealed interface Scope {
  /** Everything, foreign machines included, though perhaps without their cards and devices. */
  record All() implements Scope {}

  /** One machine, and the disks and media whose names carry its uid. */
  record One(UUID uid) implements Scope {}
}
