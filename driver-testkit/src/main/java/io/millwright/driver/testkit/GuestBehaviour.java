package io.millwright.driver.testkit;

import io.millwright.driver.GuestAgent;
import io.millwright.driver.MachineDefinition;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What runs in simulated machines. It is asked at each start, on the starter's thread and outside
 * of all locks, so it may also act by itself, for example call home.
 */
@FunctionalInterface
public interface GuestBehaviour {
  /**
   * A machine that starts.
   *
   * @param seed content of the medium in its drive, or null
   * @param systemImage sha256 of the image that its first disk started as, or null
   */
  record Guest(
      UUID uid,
      MachineDefinition definition,
      byte @Nullable [] seed,
      @Nullable String systemImage,
      Instant startedAt) {}

  /**
   * How it will behave. Durations are of the simulation's clock.
   *
   * @param agentAfter when its agent answers, counted from the start; null for never
   * @param facts what the agent says
   * @param stopsAfter how long it takes to stop when asked; null if it pays no heed
   * @param crashesAfter when it crashes, counted from the start; null for never
   * @param console what it prints on the serial console at once
   * @param endsAfter when it powers itself off, counted from the start; null for never
   */
  record Conduct(
      @Nullable Duration agentAfter,
      GuestAgent.Facts facts,
      @Nullable Duration stopsAfter,
      @Nullable Duration crashesAfter,
      String console,
      @Nullable Duration endsAfter) {

    /** One that does not power itself off. */
    public Conduct(
        @Nullable Duration agentAfter,
        GuestAgent.Facts facts,
        @Nullable Duration stopsAfter,
        @Nullable Duration crashesAfter,
        String console) {
      this(agentAfter, facts, stopsAfter, crashesAfter, console, null);
    }

    public Conduct withAgentAfter(@Nullable Duration d) {
      return new Conduct(d, facts, stopsAfter, crashesAfter, console, endsAfter);
    }

    public Conduct withFacts(GuestAgent.Facts f) {
      return new Conduct(agentAfter, f, stopsAfter, crashesAfter, console, endsAfter);
    }

    public Conduct withStopsAfter(@Nullable Duration d) {
      return new Conduct(agentAfter, facts, d, crashesAfter, console, endsAfter);
    }

    public Conduct withCrashesAfter(@Nullable Duration d) {
      return new Conduct(agentAfter, facts, stopsAfter, d, console, endsAfter);
    }

    public Conduct withEndsAfter(@Nullable Duration d) {
      return new Conduct(agentAfter, facts, stopsAfter, crashesAfter, console, d);
    }

    public Conduct withConsole(String text) {
      return new Conduct(agentAfter, facts, stopsAfter, crashesAfter, text, endsAfter);
    }
  }

  Conduct start(Guest guest);

  /**
   * Its agent answers at once, with one host key and no addresses; it stops at once when asked and
   * greets on the console.
   */
  static GuestBehaviour wellBehaved() {
    return answering(Duration.ZERO, mac -> List.of());
  }

  /** As {@link #wellBehaved}, and the agent answers after a while and tells these addresses. */
  static GuestBehaviour answering(Duration after, Function<Mac, List<Ip>> addresses) {
    return guest -> {
      Map<Mac, List<Ip>> byMac = new HashMap<>();
      guest
          .definition()
          .nics()
          .forEach(nic -> byMac.put(nic.mac(), List.copyOf(addresses.apply(nic.mac()))));
      return new Conduct(
          after,
          new GuestAgent.Facts(
              Map.copyOf(byMac), List.of("ssh-ed25519 SIMULATED" + guest.uid().hashCode())),
          Duration.ZERO,
          null,
          "simulated " + guest.definition().name() + " login: ");
    };
  }

  /**
   * Installers that are started by their kernel are done at once; what they have installed behaves
   * so. Of others nothing is seen but what they have installed.
   */
  static GuestBehaviour installing(GuestBehaviour then) {
    return guest ->
        guest.definition().installer() == null || guest.definition().installer().kernel() == null
            ? then.start(guest)
            : installer("Installing the base system\r\n[    1.000000] reboot: Power down\r\n")
                .withEndsAfter(Duration.ZERO);
  }

  /** An installer that prints this, and goes on for ever. */
  static Conduct installer(String prints) {
    return new Conduct(null, new GuestAgent.Facts(Map.of(), List.of()), null, null, prints);
  }

  /** It runs and that is all: no agent, no heed to a request to stop. */
  static GuestBehaviour silent() {
    return guest -> new Conduct(null, new GuestAgent.Facts(Map.of(), List.of()), null, null, "");
  }
}
