package io.millwright.model;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Machines of one shape, called {@code NAME-0}, {@code NAME-1} and so on.
 *
 * @param count how many, 0 to 1000
 * @param machine what each of them is
 * @param spread how they are spread over hypervisors; evenly over all that will do if not given
 * @param rollout how a change of {@code machine} reaches them; one after another if not given
 * @param follow what is rolled out without anybody declaring it; nothing if not given
 */
public record GroupSpec(
    int count,
    MachineTemplate machine,
    @Default("evenly over all that will do") Spread spread,
    @Default("one after another") Rollout rollout,
    @Nullable Follow follow)
    implements OwnerSpec {
  /** More than this nobody has asked for, and one apply declares them all. */
  public static final int MOST = 1000;

  private static final Pattern PATH = Pattern.compile("/[!-~]{0,1000}");
  private static final Pattern PROGRAM = Pattern.compile("(/|[A-Za-z]:[\\\\/])[ -~]{1,500}");
  private static final int MOST_WORDS = 64;
  private static final int MOST_COMMAND = 4000;
  private static final Pattern WORD = Pattern.compile("[A-Za-z][A-Za-z0-9]{0,62}");

  /** What machines say of themselves, and what of it can be true of a healthy one. */
  private static final List<String> CONDITIONS = List.of(Condition.READY, Condition.FIRST_BOOT);

  public GroupSpec {
    spread = spread == null ? Spread.EVENLY : spread;
    rollout =
        rollout == null
            ? new Rollout(1, 0, 0, null, null, Pause.NEVER, HealthGate.READY, OnFailure.STOP)
            : rollout;
  }

  /**
   * What is rolled out by itself, under the rules of {@code rollout}.
   *
   * @param image true to rebuild members when their image has a newer build; false if not given
   * @param window when that may begin; at any time if not given
   */
  public record Follow(@Default("false") Boolean image, @Nullable Window window) {
    public Follow {
      image = image != null && image;
    }

    /** Whether members may be rebuilt now because their image has a newer build. */
    public boolean image(Instant now) {
      return image && (window == null || window.open(now));
    }
  }

  /**
   * Time in which work is allowed that nobody waits for.
   *
   * @param opens the five fields of a crontab in UTC
   * @param lasts how long it stays open, 1m to 7d; what has begun by then is brought to its end
   */
  public record Window(Schedule opens, TimeSpan lasts) {
    private static final Duration LONGEST = Duration.ofDays(7);

    /** True from the moment in which it opens until its time is over. */
    public boolean open(Instant now) {
      return !opens.next(now.minus(lasts.duration())).isAfter(now);
    }

    void check(Violations at) {
      at.field("opens")
          .require(
              opens.atTimes(),
              "must be the five fields of a crontab, such as \"0 2 * * SUN\" for Sundays at two, in"
                  + " UTC");
      at.field("lasts")
          .require(
              lasts.duration().compareTo(Schedule.LEAST) >= 0
                  && lasts.duration().compareTo(LONGEST) <= 0,
              "must be 1m to 7d");
    }
  }

  /**
   * Where members may run.
   *
   * @param hypervisors over which they are spread; all if not given
   * @param rule what happens when they cannot be spread evenly; soft if not given
   */
  public record Spread(@Default("all") List<String> hypervisors, @Default("soft") Rule rule) {
    /** Over all that will do. */
    public static final Spread EVENLY = new Spread(List.of(), Rule.SOFT);

    public Spread {
      hypervisors = hypervisors == null ? List.of() : List.copyOf(hypervisors);
      rule = rule == null ? Rule.SOFT : rule;
    }

    void check(Violations at) {
      Set<String> seen = new HashSet<>();
      for (int i = 0; i < hypervisors.size(); i++) {
        at.field("hypervisors").index(i).require(seen.add(hypervisors.get(i)), "stands here twice");
      }
    }

    /** The references of a spec that has this spread: these, and the hypervisors. */
    List<Ref> references(List<Ref> others) {
      List<Ref> out = new ArrayList<>(others);
      for (int i = 0; i < hypervisors.size(); i++) {
        out.add(new Ref(Kind.HYPERVISOR, hypervisors.get(i), "spec.spread.hypervisors[" + i + "]"));
      }
      return out;
    }

    /** How strictly it is meant. */
    public enum Rule {
      /** A member goes where there is room, however many are there. */
      SOFT,
      /** No hypervisor has more than one member more than another; else the apply is refused. */
      HARD
    }
  }

  /**
   * How a change of what its machines are reaches them.
   *
   * @param maxUnavailable how many of {@code count} may be unhealthy on its account, at least one
   *     of this and {@code surge} is not 0; 1 if not given, and 0 if surge is
   * @param surge how many members more there may be meanwhile; only without volumes; 0 if not given
   * @param canary so many are changed first, and must be healthy before any other is; at most
   *     {@code count}, unless that is 0; 0 if not given
   * @param batches in how many parts the others are changed, each when the one before is healthy
   * @param batchSize the same by the size of a part; give one of both, or none for no parts
   * @param pause when it stops by itself until somebody says to continue; never if not given
   * @param healthGate what a member must pass to count as healthy; the condition Ready if not given
   * @param onFailure what happens when a member fails; stop if not given
   */
  public record Rollout(
      @Default("1, or 0 with surge") Integer maxUnavailable,
      @Default("0") Integer surge,
      @Default("0") Integer canary,
      @Nullable Integer batches,
      @Nullable Integer batchSize,
      @Default("never") Pause pause,
      @Default("the condition Ready") HealthGate healthGate,
      @Default("stop") OnFailure onFailure) {
    public Rollout {
      surge = surge == null ? Integer.valueOf(0) : surge;
      maxUnavailable = maxUnavailable == null ? Integer.valueOf(surge > 0 ? 0 : 1) : maxUnavailable;
      canary = canary == null ? Integer.valueOf(0) : canary;
      pause = pause == null ? Pause.NEVER : pause;
      healthGate = healthGate == null ? HealthGate.READY : healthGate;
      onFailure = onFailure == null ? OnFailure.STOP : onFailure;
    }

    /** The size of a part when there are so many members; 0 for no parts. */
    public int partOf(int count) {
      if (batchSize != null) {
        return batchSize;
      }
      int rest = Math.max(1, count - canary);
      return batches == null ? 0 : Math.max(1, (rest + batches - 1) / batches);
    }
  }

  /** When a rollout stops by itself. */
  public enum Pause {
    NEVER,
    /** When the canaries are healthy. */
    CANARY,
    /** When the canaries are healthy, and after each batch. */
    BATCH
  }

  /** What happens when a member does not become healthy. */
  public enum OnFailure {
    /** The rollout ends; no more members are changed. */
    STOP,
    /** The members that were changed get back what was rolled out before. */
    ROLLBACK
  }

  /**
   * What a member must pass, once its condition Ready is true, to count as healthy; at most one of
   * tcp, http, command and condition is given.
   *
   * @param tcp a port that takes connections at one of its addresses
   * @param http a path that answers at one of its addresses; redirects are not followed
   * @param command a program and its arguments, run in the guest by its agent (as root), that must
   *     end with 0 within 10 seconds; no shell reads it, and everybody who sees the group sees it
   * @param condition Ready, or FirstBoot: that all scripts of its first boot ended well
   * @param minHealthySeconds how long it must pass without a break, 0 to 86400; 0 if not given
   * @param timeoutSeconds after so long without passing it has failed, 1 to 86400; 300 if not given
   */
  public record HealthGate(
      @Nullable Tcp tcp,
      @Nullable Http http,
      @Nullable List<String> command,
      @Nullable String condition,
      @Default("0") Integer minHealthySeconds,
      @Default("300") Integer timeoutSeconds) {
    /** That its condition Ready is true. */
    public static final HealthGate READY = new HealthGate(null, null, null, null, 0, 300);

    public HealthGate {
      command = command == null ? null : List.copyOf(command);
      minHealthySeconds = minHealthySeconds == null ? Integer.valueOf(0) : minHealthySeconds;
      timeoutSeconds = timeoutSeconds == null ? Integer.valueOf(300) : timeoutSeconds;
    }
  }

  /**
   * A port.
   *
   * @param port 1 to 65535
   */
  public record Tcp(int port) {}

  /**
   * A request, GET over plain HTTP.
   *
   * @param port 1 to 65535; 80 if not given
   * @param path that is asked for; / if not given
   * @param status that is right, 100 to 599; 200 if not given
   */
  public record Http(
      @Default("80") Integer port, @Default("/") String path, @Default("200") Integer status) {
    public Http {
      port = port == null ? Integer.valueOf(80) : port;
      path = path == null ? "/" : path;
      status = status == null ? Integer.valueOf(200) : status;
    }
  }

  public GroupSpec withCount(int next) {
    return new GroupSpec(next, machine, spread, rollout, follow);
  }

  public GroupSpec withMachine(MachineTemplate next) {
    return new GroupSpec(count, next, spread, rollout, follow);
  }

  @Override
  public void check(Violations at) {
    at.field("count").require(count >= 0 && count <= MOST, "must be 0 to " + MOST);
    machine.check(at.field("machine"));
    spread.check(at.field("spread"));
    check(rollout, at.field("rollout"));
    if (follow != null && follow.window() != null) {
      follow.window().check(at.field("follow").field("window"));
    }
  }

  private void check(Rollout r, Violations at) {
    at.field("maxUnavailable")
        .require(r.maxUnavailable() >= 0 && r.maxUnavailable() <= MOST, "must be 0 to " + MOST);
    at.field("surge").require(r.surge() >= 0 && r.surge() <= MOST, "must be 0 to " + MOST);
    at.require(
        r.maxUnavailable() > 0 || r.surge() > 0,
        "maxUnavailable and surge are both 0, so no member could ever be changed; give one of them"
            + " at least 1");
    at.field("surge")
        .require(
            r.surge() <= 0 || machine.volumes().isEmpty(),
            "members have volumes of their own, and an extra one would begin with empty ones; use"
                + " maxUnavailable");
    at.field("canary").require(r.canary() >= 0 && r.canary() <= MOST, "must be 0 to " + MOST);
    at.field("canary")
        .require(
            r.canary() <= count || count < 1 || r.canary() > MOST,
            r.canary()
                + " is more than the count of "
                + count
                + ", so there would be no member that waits for the canaries");
    at.require(r.batches() == null || r.batchSize() == null, "give one of batches and batchSize");
    checkPositive(r.batches(), at.field("batches"));
    checkPositive(r.batchSize(), at.field("batchSize"));
    if (r.pause() == Pause.CANARY) {
      at.field("pause").require(r.canary() > 0, "needs canary to be at least 1");
    }
    if (r.pause() == Pause.BATCH) {
      at.field("pause")
          .require(r.batches() != null || r.batchSize() != null, "needs batches or batchSize");
    }
    check(r.healthGate(), at.field("healthGate"));
  }

  private static void checkPositive(@Nullable Integer n, Violations at) {
    at.require(n == null || (n >= 1 && n <= MOST), "must be 1 to " + MOST);
  }

  private static void check(HealthGate gate, Violations at) {
    at.require(
        Stream.of(gate.tcp(), gate.http(), gate.command(), gate.condition())
                .filter(Objects::nonNull)
                .count()
            <= 1,
        "give only one of tcp, http, command and condition");
    if (gate.tcp() != null) {
      checkPort(gate.tcp().port(), at.field("tcp").field("port"));
    }
    if (gate.http() != null) {
      Violations here = at.field("http");
      checkPort(gate.http().port(), here.field("port"));
      here.field("path")
          .require(
              PATH.matcher(gate.http().path()).matches(),
              "must be a path as it stands in a request, such as /health");
      here.field("status")
          .require(
              gate.http().status() >= 100 && gate.http().status() <= 599, "must be 100 to 599");
    }
    if (gate.command() != null) {
      checkCommand(gate.command(), at.field("command"));
    }
    if (gate.condition() != null) {
      String asked = gate.condition();
      at.field("condition")
          .require(
              WORD.matcher(asked).matches() && CONDITIONS.contains(asked),
              Names.quote(asked)
                  + " is no condition that a healthy machine has"
                  + Names.hint(asked, CONDITIONS)
                  + "; there are: "
                  + String.join(", ", CONDITIONS));
    }
    at.field("minHealthySeconds")
        .require(
            gate.minHealthySeconds() >= 0 && gate.minHealthySeconds() <= 86_400,
            "must be 0 to 86400");
    at.field("timeoutSeconds")
        .require(
            gate.timeoutSeconds() >= 1 && gate.timeoutSeconds() <= 86_400, "must be 1 to 86400");
    at.require(
        gate.minHealthySeconds() < gate.timeoutSeconds()
            || gate.minHealthySeconds() > 86_400
            || gate.timeoutSeconds() < 1,
        "can never be passed: minHealthySeconds is not less than timeoutSeconds");
  }

  private static void checkCommand(List<String> command, Violations at) {
    at.require(
        !command.isEmpty() && command.size() <= MOST_WORDS,
        "must have 1 to " + MOST_WORDS + " words: a program and its arguments");
    at.require(
        command.stream().mapToInt(String::length).sum() <= MOST_COMMAND,
        "must have " + MOST_COMMAND + " characters at most; put what is longer into a script");
    for (int i = 0; i < command.size(); i++) {
      at.index(i)
          .require(
              command.get(i).chars().noneMatch(c -> c < ' ' && c != '\n' && c != '\t'),
              "must be text without control characters");
    }
    if (!command.isEmpty()) {
      at.index(0)
          .require(
              PROGRAM.matcher(command.getFirst()).matches(),
              "must be the absolute path of a program in the guest, such as /usr/bin/systemctl; for"
                  + " a line of a shell: [/bin/sh, -c, LINE]");
    }
  }

  private static void checkPort(int port, Violations at) {
    at.require(port >= 1 && port <= 65_535, "must be 1 to 65535");
  }

  @Override
  public List<Ref> references() {
    return spread.references(machine.references("spec.machine."));
  }
}
