package io.millwright.cli;

import io.millwright.client.ApiException;
import io.millwright.client.MillwrightApi;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What can be done with pools besides declaring them. */
@Command(
    name = "pool",
    description = "Take machines that are ready out of pools.",
    subcommands = PoolCommand.Claim.class)
final class PoolCommand extends Part {
  private static final Duration PAUSE = Duration.ofSeconds(1);

  @Override
  public Integer call() {
    throw Failure.usage("say what to do: millwright pool claim");
  }

  /**
   * Claims a machine.
   *
   * @param patience how long to wait for one to be ready; as long as it takes for null
   * @throws ApiException if none was ready in time
   */
  static View claim(
      Shell shell,
      MillwrightApi api,
      String project,
      String name,
      @Nullable String ttl,
      @Nullable String leash,
      @Nullable Duration patience)
      throws InterruptedException {
    String pool = Kind.POOL.bare(name);
    // One key for all tries: an answer that was lost is had again, and no second machine.
    String key = UUID.randomUUID().toString();
    Instant until = patience == null ? Instant.MAX : shell.clock().instant().plus(patience);
    boolean told = false;
    while (true) {
      try {
        return new View(api.claimPool(project, pool, key, leash, ttl).body());
      } catch (ApiException e) {
        if (e.status() != 503 || !shell.clock().instant().isBefore(until)) {
          throw e;
        }
        if (!told) {
          shell.err().println("millwright: " + Safe.line(e.problem().detail() + "; waiting"));
          shell.err().flush();
          told = true;
        }
        Thread.sleep(PAUSE);
      }
    }
  }

  /** Claims. */
  @Command(
      name = "claim",
      description = {
        "Take a machine that is ready out of a pool; another one is made in its place.",
        "It is yours alone, keeps the name that it has, and is deleted when its time is over; see"
            + " millwright machine extend."
      })
  static final class Claim extends Listed {
    @Parameters(paramLabel = "NAME", description = "The pool.")
    String name = "";

    @Option(
        names = "--ttl",
        paramLabel = "TIME",
        description = "How long it lives from now on, such as 2h; as the pool says if not given.")
    @Nullable String ttl;

    @Option(
        names = "--wait",
        paramLabel = "DURATION",
        description = "How long to wait, such as 10m, if none is ready; not at all if not given.")
    Duration patience = Duration.ZERO;

    @Override
    public Integer call() throws InterruptedException {
      View machine = claim(shell(), api(), cli().project(), name, ttl, null, patience);
      switch (format) {
        case JSON, YAML -> Listing.one(shell(), format, machine.tree());
        case NAME -> print(machine.reference());
        default ->
            print(
                machine.reference()
                    + " is yours until "
                    + machine.status("expiresAt")
                    + (machine.addresses().isEmpty()
                        ? ""
                        : ", at " + String.join(", ", machine.addresses())));
      }
      return 0;
    }
  }
}
