package io.millwright.cli;

import io.millwright.client.Connection;
import io.millwright.client.MillwrightApi;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The command itself, with what all its commands share. */
@Command(
    name = "millwright",
    description = "Machines on demand: declare them, and Millwright makes them so.",
    versionProvider = Cli.Version.class,
    synopsisSubcommandLabel = "COMMAND")
final class Cli implements Callable<Integer> {
  static final String DEFAULT_SERVER = "http://127.0.0.1:7070";
  private static final Path ADMIN_TOKEN = Path.of("/var/lib/millwright/admin-token");

  /** All commands, in the order of the help. */
  static final List<String> COMMANDS =
      List.of(
          "apply",
          "plan",
          "order",
          "get",
          "describe",
          "delete",
          "export",
          "import",
          "wait",
          "logs",
          "events",
          "ssh",
          "run",
          "console",
          "top",
          "power",
          "machine",
          "volume",
          "snapshot",
          "image",
          "iso",
          "group",
          "pool",
          "source",
          "webhook",
          "orphan",
          "drift",
          "operation",
          "token",
          "user",
          "member",
          "project",
          "approval",
          "price",
          "showback",
          "audit",
          "doctor",
          "completion",
          "version");

  @Option(
      names = "--server",
      paramLabel = "URL",
      scope = ScopeType.INHERIT,
      description = "The server; MILLWRIGHT_SERVER, or else " + DEFAULT_SERVER + ".")
  @Nullable String server;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description =
          "File with the token, if MILLWRIGHT_TOKEN does not hold it; MILLWRIGHT_TOKEN_FILE, or"
              + " else ~/.config/millwright/token, or else /var/lib/millwright/admin-token.")
  @Nullable Path tokenFile;

  @Option(
      names = "--ca",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description =
          "Certificates (PEM) that may sign the server's, and no others; MILLWRIGHT_CA, or else"
              + " those that Java trusts.")
  @Nullable Path ca;

  @Option(
      names = "--insecure-http",
      scope = ScopeType.INHERIT,
      description = "Send the token in clear to a server that is not this machine.")
  boolean insecureHttp;

  @Option(
      names = {"-p", "--project"},
      paramLabel = "PROJECT",
      scope = ScopeType.INHERIT,
      description = "The project; MILLWRIGHT_PROJECT, or else default.")
  @Nullable String project;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show where an error comes from.")
  boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help and end.")
  boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version and end.")
  boolean version;

  private final Shell shell;

  /** The first word that is a command; empty if there is none. */
  private String asked = "";

  Cli(Shell shell) {
    this.shell = shell;
  }

  /** Carries a command line out. Returns the exit code of the process. */
  static int run(Shell shell, String... args) {
    Cli cli = new Cli(shell);
    cli.asked = Stream.of(args).filter(COMMANDS::contains).findFirst().orElse("");
    int code = cli.commandLine(args).execute(args);
    IOException unwritten = shell.out().trouble();
    if (unwritten != null) {
      shell.err().println("millwright: the output cannot be written: " + unwritten.getMessage());
      code = Failure.FAILED;
    }
    shell.err().flush();
    return code;
  }

  /** With all commands, for help, reference and completion. */
  static CommandLine complete(Shell shell) {
    return new Cli(shell).commandLine();
  }

  /**
   * With only those commands whose names stand among the arguments: reading the annotations of one
   * takes milliseconds. With all of them if that is none.
   */
  private CommandLine commandLine(String... args) {
    CommandLine line = new CommandLine(this);
    Set<String> words = new HashSet<>(List.of(args));
    List<String> named = COMMANDS.stream().filter(words::contains).toList();
    for (String name : named.isEmpty() || named.contains("completion") ? COMMANDS : named) {
      line.addSubcommand(name, command(name));
    }
    line.setExpandAtFiles(false);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.registerConverter(Duration.class, Durations::parse);
    line.setColorScheme(CommandLine.Help.defaultColorScheme(shell.coloured() ? Ansi.ON : Ansi.OFF));
    line.setUsageHelpWidth(100);
    line.setOut(new PrintWriter(shell.out(), true));
    line.setErr(new PrintWriter(shell.err(), true));
    line.setParameterExceptionHandler(
        (e, _) -> fail(e.getCommandLine(), new Complaint(Failure.USAGE, misuse(shell, e)), e));
    line.setExecutionExceptionHandler((e, at, _) -> fail(at, Complaint.of(e), e));
    return line;
  }

  private static Object command(String name) {
    return switch (name) {
      case "apply" -> new ApplyCommand();
      case "plan" -> new PlanCommand();
      case "order" -> new OrderCommand();
      case "get" -> new GetCommand();
      case "describe" -> new DescribeCommand();
      case "delete" -> new DeleteCommand();
      case "export" -> new ExportCommand();
      case "import" -> new ImportCommand();
      case "wait" -> new WaitCommand();
      case "logs" -> new LogsCommand();
      case "events" -> new EventsCommand();
      case "ssh" -> new SshCommand();
      case "run" -> new RunCommand();
      case "console" -> new ConsoleCommand();
      case "top" -> new TopCommand();
      case "power" -> new PowerCommand();
      case "machine" -> new MachineCommand();
      case "volume" -> new VolumeCommand();
      case "snapshot" -> new SnapshotCommand();
      case "image" -> new ImageCommand();
      case "iso" -> new IsoCommand();
      case "group" -> new GroupCommand();
      case "pool" -> new PoolCommand();
      case "source" -> new SourceCommand();
      case "webhook" -> new WebhookCommand();
      case "orphan" -> new OrphanCommand();
      case "drift" -> new DriftCommand();
      case "operation" -> new OperationCommand();
      case "token" -> new TokenCommand();
      case "user" -> new UserCommand();
      case "member" -> new MemberCommand();
      case "project" -> new ProjectCommand();
      case "approval" -> new ApprovalCommand();
      case "price" -> new PriceCommand();
      case "showback" -> new ShowbackCommand();
      case "audit" -> new AuditCommand();
      case "doctor" -> new DoctorCommand();
      case "completion" -> new CompletionCommand();
      case "version" -> new VersionCommand();
      default -> throw new IllegalArgumentException(name);
    };
  }

  private int fail(CommandLine at, Complaint complaint, Throwable cause) {
    shell.out().flush();
    shell.err().println("millwright: " + Safe.line(complaint.line()));
    if (debug) {
      cause.printStackTrace(shell.err());
    }
    // A plan says 2 when there is something to do; also what is wrong before its name is its own.
    Object command = at.getCommandSpec().userObject();
    boolean plan = command instanceof PlanCommand || (command == this && asked.equals("plan"));
    return plan ? Failure.FAILED : complaint.code();
  }

  private static final String IN_ANY_CASE = " (case-insensitive)";

  private static final Pattern EXPECTED =
      Pattern.compile("expected one of \\[[A-Z, ]+]" + Pattern.quote(IN_ANY_CASE));

  private static String misuse(Shell shell, CommandLine.ParameterException e) {
    if (e instanceof CommandLine.UnmatchedArgumentException) {
      Optional<String> noCommand = noCommand(shell, e.getCommandLine());
      if (noCommand.isPresent()) {
        return noCommand.get();
      }
    }
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String said = String.valueOf(e.getMessage());
    // picocli goes on with the class of the exception and the usage.
    String first = said.lines().findFirst().orElse("");
    int noise = first.indexOf(" (");
    if (noise > 0 && first.contains("Exception")) {
      first = first.substring(0, noise);
    }
    // It takes words in any case, and shows those of the program.
    Matcher words = EXPECTED.matcher(first);
    first = words.replaceAll(m -> m.group().toLowerCase(Locale.ROOT).replace(IN_ANY_CASE, ""));
    if (first.isEmpty()) {
      first = "that cannot be understood";
    }
    return first + "; see: " + command + " --help";
  }

  /**
   * A word where a command should be: picocli passes over it, and complains of what comes later.
   */
  private static Optional<String> noCommand(Shell shell, CommandLine at) {
    if (at.getParent() != null) {
      Optional<String> above = noCommand(shell, at.getParent());
      if (above.isPresent()) {
        return above;
      }
    }
    List<String> words = at.getUnmatchedArguments();
    if (at.getSubcommands().isEmpty() || words.isEmpty() || words.getFirst().startsWith("-")) {
      return Optional.empty();
    }
    CommandLine whole = at.getParent() == null ? complete(shell) : at;
    String command = at.getCommandSpec().qualifiedName();
    String missing = (command + " " + words.getFirst()).substring("millwright ".length());
    return Optional.of(
        "there is no command '"
            + missing
            + "'"
            + meant(whole, words)
            + "; see: "
            + command
            + " --help");
  }

  /** {@code (did you mean 'x'?)} with the nearest of these commands, or nothing. */
  static String meant(CommandLine commands, List<String> words) {
    return new CommandLine.UnmatchedArgumentException(commands, words)
        .getSuggestions().stream().findFirst().map(s -> " (did you mean '" + s + "'?)").orElse("");
  }

  /** The same of these words, by picocli's own measure. */
  static String meant(String word, List<String> among) {
    CommandLine words = new CommandLine(CommandSpec.create());
    among.forEach(w -> words.addSubcommand(w, CommandSpec.create()));
    return meant(words, List.of(word));
  }

  @Override
  public Integer call() {
    throw Failure.usage("say what to do; see: millwright --help");
  }

  Shell shell() {
    return shell;
  }

  String project() {
    if (project != null) {
      return project;
    }
    return shell.variable("MILLWRIGHT_PROJECT").orElse("default");
  }

  MillwrightApi api() {
    return new MillwrightApi(connection());
  }

  /**
   * The server, with the token.
   *
   * @throws Failure if there is no token, or it would be sent in clear
   */
  Connection connection() {
    URI address = server();
    if ("http".equals(address.getScheme()) && !loopback(address) && !insecureHttp) {
      throw Failure.usage(
          address
              + " would get the token in clear; use https, or --insecure-http if you trust the"
              + " network");
    }
    String token = token();
    return new Connection(address, token, Duration.ofSeconds(60), "millwright", trusted());
  }

  /** The server, without showing a token. */
  Connection anonymous() {
    return new Connection(server(), null, Duration.ofSeconds(10), "millwright", trusted());
  }

  private @Nullable SSLContext trusted() {
    Path file = ca != null ? ca : shell.variable("MILLWRIGHT_CA").map(Path::of).orElse(null);
    if (file == null) {
      return null;
    }
    try {
      return Connection.trusting(Files.readAllBytes(file));
    } catch (IOException | GeneralSecurityException e) {
      throw Failure.usage(file + " is no readable file with certificates in PEM");
    }
  }

  URI server() {
    String text =
        server != null ? server : shell.variable("MILLWRIGHT_SERVER").orElse(DEFAULT_SERVER);
    try {
      URI uri = URI.create(text.replaceFirst("/+$", ""));
      String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
      if (uri.getHost() != null
          && (scheme.equals("http") || scheme.equals("https"))
          && uri.getRawPath().isEmpty()
          && uri.getRawQuery() == null
          && uri.getRawFragment() == null
          && uri.getRawUserInfo() == null) {
        return URI.create(scheme + "://" + uri.getRawAuthority());
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw Failure.usage(
        "'" + text + "' is no address of a server; write it like https://millwright.example:7070");
  }

  /** By its name, without asking DNS, which could be lied to. */
  private static boolean loopback(URI address) {
    String host = address.getHost();
    return host.equalsIgnoreCase("localhost")
        || host.matches("127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}")
        || host.equals("[::1]");
  }

  private String token() {
    Optional<String> given = shell.variable("MILLWRIGHT_TOKEN");
    return tokenFile == null && given.isPresent()
        ? checked(given.get(), "MILLWRIGHT_TOKEN")
        : checked(readToken(tokenPath()), tokenPath().toString());
  }

  /** The file from which the token is taken. */
  Path tokenPath() {
    if (tokenFile != null) {
      return tokenFile;
    }
    Optional<String> named = shell.variable("MILLWRIGHT_TOKEN_FILE");
    if (named.isPresent()) {
      return Path.of(named.get());
    }
    List<Path> usual = new ArrayList<>();
    shell.variable("XDG_CONFIG_HOME").ifPresent(d -> usual.add(Path.of(d, "millwright", "token")));
    shell.variable("HOME").ifPresent(d -> usual.add(Path.of(d, ".config", "millwright", "token")));
    usual.add(ADMIN_TOKEN);
    return usual.stream()
        .filter(Files::isReadable)
        .findFirst()
        .orElseThrow(() ->
            Failure.usage(
                "no token: put one into ~/.config/millwright/token, or name its file with"
                    + " --token-file or MILLWRIGHT_TOKEN_FILE"));
  }

  private static String readToken(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return new String(in.readNBytes(4096), StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      throw Failure.usage("the token file " + file + " cannot be read; is it there and yours?");
    }
  }

  /** Only what can stand in a header: a line break would begin another one. */
  private static String checked(String token, String from) {
    if (!token.matches("[!-~]{1,1000}")) {
      throw Failure.usage(from + " does not hold a token, which is one word such as mwt_...");
    }
    return token;
  }

  /** What {@code --version} prints. */
  static final class Version implements IVersionProvider {
    static String text() {
      try (InputStream in = Cli.class.getResourceAsStream("version.txt")) {
        return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public String[] getVersion() {
      return new String[] {"millwright " + text()};
    }
  }
}
