package io.millwright.driver;

import java.util.UUID;

/**
 * The proof of ownership that every object of ours carries in the outside world.
 *
 * @param installation which Millwright made it, 8 hex digits
 * @param uid of the resource that it belongs to
 * @param generation of that resource for which it was made
 */
public record Mark(String installation, UUID uid, long generation) {
  /** True if both belong to the same resource of the same installation. */
  public boolean sameOwner(Mark other) {
    return installation.equals(other.installation) && uid.equals(other.uid);
  }
}
