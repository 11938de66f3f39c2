package io.millwright.engine.port;

import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Resource;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** How resources stand, counted where they are, so that nobody has to read ten thousand of them. */
public interface Standings {
  /** Which one. */
  record Named(String project, String name) {}

  /**
   * Resources of one kind that stand alike: their conditions have the same values and reasons, and
   * say the same but for the name.
   *
   * @param deleting true if their deletion was asked for
   * @param off true of machines that are declared to be off
   * @param conditions Held, if it holds; otherwise Ready. {@code since} is that of the one which
   *     has it longest. Neither reason nor message are given of those that are well, and no
   *     condition of those that are to go or to be off
   * @param count how many
   * @param some the first four by project and name
   */
  record Alike(
      Kind kind,
      boolean deleting,
      boolean off,
      List<Condition> conditions,
      long count,
      List<Named> some) {}

  /** A machine that is deleted by itself. */
  record Ending(String project, String name, Instant expiresAt) {}

  /**
   * The machines that end soon.
   *
   * @param count how many
   * @param first the first of them
   */
  record Endings(long count, List<Ending> first) {}

  /**
   * All that stand alike, those with the most first; hypervisors of every project, for what is in a
   * project lives on them.
   *
   * @param project null for all
   * @param among the projects of which the asker may know, or null for all
   */
  List<Alike> alike(@Nullable String project, @Nullable Set<String> among);

  /** Machines that will be deleted within {@code ahead}, the next one first. */
  Endings ending(@Nullable String project, @Nullable Set<String> among, Duration ahead, int limit);

  /**
   * The youngest machines, the youngest first.
   *
   * @param owner the person who asked for them, or null for all
   */
  List<Resource<?, ?>> newest(
      @Nullable String project, @Nullable Set<String> among, @Nullable UUID owner, int limit);

  /** How many machines this person asked for. */
  long owned(@Nullable String project, @Nullable Set<String> among, UUID owner);
}
