package io.millwright.driver;

import java.util.UUID;

/**
 * The proof of ownership that every object of ours carries in the outside world.
 *
 * @param installation which Millwright made it, 8 hex digits
 * @param uid of the resource that it belongs to
 * @param generation of that resource for which it was made; {@link #IMPORTED} on a machine that
 *     somebody else made
 */
public record Mark(String installation, UUID uid, long generation) {
  /** No resource has this generation. */
  public static final long IMPORTED = 0;

  /** That of a machine which somebody else made and an installation has taken over. */
  public static Mark imported(String installation, UUID uid) {
    return new Mark(installation, uid, IMPORTED);
  }

  /** On a machine: true if somebody else made it, so that it is never removed. */
  public boolean imported() {
    return generation == IMPORTED;
  }

  /** True if both belong to the same resource of the same installation. */
  public boolean sameOwner(Mark other) {
    return installation.equals(other.installation) && uid.equals(other.uid);
  }
}
