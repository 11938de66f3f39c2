package io.millwright.engine.access;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.millwright.engine.access.IdTokens.NotBelieved;
import io.millwright.engine.port.People.Account;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Ids;
import io.millwright.model.Names;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Sha256;
import io.millwright.model.manifest.Json;
import java.net.URI;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Signing in by a provider of identities: OpenID Connect, authorization code with PKCE.
 *
 * <p>What must be remembered between going there and coming back is sealed and kept by the browser
 * that went, in a cookie: nobody else can come back in its place, any node can answer, and who only
 * knocks leaves nothing behind.
 */
public final class SingleSignOn {
  /** Within which a person has to have signed in there. */
  public static final Duration PATIENCE = Duration.ofMinutes(10);

  /** Where the provider sends people back to. */
  public static final String CALLBACK = "/api/v1/session/provider/callback";

  private static final int MOST_GROUPS = 1000;
  private static final int LONGEST_GROUP = 200;
  private static final int LONGEST_NAME = 100;
  private static final int LONGEST_RETURN = 1000;
  private static final String ASIDE = "sign-in";

  private final Store store;
  private final SecretBox secrets;
  private final SignIn signIn;
  private final InstantSource clock;
  private final Settings settings;
  private final IdentityProvider provider;

  public SingleSignOn(
      Store store, SecretBox secrets, SignIn signIn, Settings settings, InstantSource clock) {
    this.store = store;
    this.secrets = secrets;
    this.signIn = signIn;
    this.settings = settings;
    this.clock = clock;
    this.provider = new IdentityProvider(settings, clock);
  }

  /**
   * Who the provider is, and who we are to it.
   *
   * @param issuer exactly as it calls itself
   * @param client what it calls us
   * @param secret by which it knows us, or null for a public client
   * @param name as people know it
   * @param scopes to ask for, "openid" among them
   * @param groupsClaim in which it tells a person's groups
   * @param site under which people reach this server, without a path
   * @param trusted whom to believe that they are the provider, or null for whom the JVM believes
   */
  public record Settings(
      URI issuer,
      String client,
      @Nullable String secret,
      String name,
      String scopes,
      String groupsClaim,
      URI site,
      @Nullable SSLContext trusted) {
    @Override
    public String toString() {
      return name; // never the secret
    }
  }

  /** What people call it. */
  public String name() {
    return settings.name();
  }

  /** True for where secrets can be sent: TLS, or this machine itself. */
  public static boolean isSafe(URI uri) {
    String host = uri.getHost();
    return host != null
        && ("https".equals(uri.getScheme())
            || ("http".equals(uri.getScheme())
                && (host.equals("localhost") || host.equals("127.0.0.1") || host.equals("[::1]"))));
  }

  /**
   * A beginning.
   *
   * @param where to send the person
   * @param aside what their browser keeps until they are back
   */
  public record Departure(URI where, String aside) {}

  /**
   * What is remembered of it.
   *
   * @param session that the person had, and that ends when they have signed in anew; or null
   */
  private record Aside(
      String what,
      String state,
      String nonce,
      String verifier,
      String returnTo,
      Instant until,
      @Nullable UUID session) {}

  /**
   * Sends somebody to the provider.
   *
   * @param returnTo a path of this site, where they go when they have signed in
   * @param session the secret of the session that they have, or null; their browser does not send
   *     it when they come back from another site
   */
  public Departure depart(String returnTo, @Nullable String session) {
    requireOurs(returnTo);
    String verifier = Secrets.random("") + Secrets.random("");
    Aside aside =
        new Aside(
            ASIDE,
            Secrets.random(""),
            Secrets.random(""),
            verifier,
            returnTo,
            clock.instant().plus(PATIENCE),
            session == null ? null : signIn.session(session).orElse(null));
    URI where =
        provider.authorization(callback(), aside.state(), aside.nonce(), challenge(verifier));
    return new Departure(where, secrets.seal(Json.write(aside)));
  }

  private URI callback() {
    return settings.site().resolve(CALLBACK);
  }

  private static String challenge(String verifier) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(Sha256.of(verifier.getBytes(US_ASCII)));
  }

  /** A path that begins with two slashes is another site's, and a browser reads \ as /. */
  private static void requireOurs(String returnTo) {
    boolean ours =
        returnTo.startsWith("/")
            && !returnTo.startsWith("//")
            && returnTo.indexOf('\\') < 0
            && returnTo.length() <= LONGEST_RETURN
            && returnTo.chars().allMatch(c -> c > ' ' && c < 127);
    if (!ours) {
      throw ProblemException.invalid(
          "returnTo", "must be a path of this site, such as /machines, and no other site's");
    }
  }

  /**
   * With what somebody comes back.
   *
   * @param code by which the provider tells who they are, or empty
   * @param state that we gave along
   * @param issuer who sends them, if the provider says so (RFC 9207)
   * @param error why the provider did not sign them in, or empty
   */
  public record Answer(String code, String state, @Nullable String issuer, String error) {}

  /**
   * Somebody who has signed in.
   *
   * @param returnTo where they wanted to go
   */
  public record Arrival(SignIn.Outcome.Begun begun, String returnTo) {}

  /**
   * Signs in who comes back from the provider.
   *
   * @param aside what their browser kept, or null
   */
  public Arrival arrive(@Nullable String aside, Answer answer, String origin, String agent) {
    Aside kept = open(aside);
    if (!MessageDigest.isEqual(kept.state().getBytes(UTF_8), answer.state().getBytes(UTF_8))) {
      throw failed("this is the answer to another sign-in than the one that you began (state)");
    }
    String issuer = answer.issuer();
    if (issuer != null && !issuer.equals(settings.issuer().toString())) {
      throw failed("this is the answer of another provider");
    }
    if (!answer.error().isEmpty()) {
      throw failed(
          settings.name()
              + " did not sign you in: "
              + (Names.isWord(answer.error()) ? answer.error() : Names.quote(answer.error())));
    }
    if (answer.code().isEmpty()) {
      throw failed("the provider gave no code");
    }
    Map<String, Object> claims;
    try {
      claims = provider.claims(answer.code(), kept.verifier(), callback(), kept.nonce());
    } catch (NotBelieved e) {
      throw failed("what " + settings.name() + " says cannot be believed: " + e.getMessage());
    }
    Person person = Person.of(claims, settings);
    Acts.about(person.name());
    return new Arrival(begin(person, kept.session(), origin, agent), kept.returnTo());
  }

  private Aside open(@Nullable String aside) {
    Aside kept = null;
    try {
      if (aside != null && SecretBox.isSealed(aside)) {
        kept = Json.read(secrets.open(aside), Aside.class);
      }
    } catch (RuntimeException e) {
      // whatever it is, it is not ours
    }
    if (kept == null || !ASIDE.equals(kept.what())) {
      throw failed("this browser has begun no sign-in, or has ended it already");
    }
    if (kept.until().isBefore(clock.instant())) {
      throw failed("it took longer than " + PATIENCE.toMinutes() + " minutes");
    }
    return kept;
  }

  /** A person as the provider knows them. */
  private record Person(String subject, String name, String shown, List<String> groups) {
    static Person of(Map<String, Object> claims, Settings settings) {
      String subject = Objects.toString(claims.get("sub"), "");
      String name =
          Stream.of("preferred_username", "email", "sub")
              .map(claim -> Objects.toString(claims.get(claim), "").toLowerCase(Locale.ROOT))
              .filter(Accounts::isName)
              .findFirst()
              .orElseThrow(() ->
                  failed(
                      settings.name()
                          + " tells no name that could be one here: neither preferred_username nor"
                          + " email nor sub has 1 to 63 of a-z, 0-9, -, ., _ and @"));
      String shown = Objects.toString(claims.get("name"), "");
      boolean usable = !shown.isBlank() && shown.length() <= LONGEST_NAME && Names.isPlain(shown);
      return new Person(subject, name, usable ? shown : name, groups(claims, settings));
    }

    private static List<String> groups(Map<String, Object> claims, Settings settings) {
      Object told = claims.get(settings.groupsClaim());
      List<String> groups =
          switch (told) {
            case null -> List.of();
            case String one -> List.of(one);
            case Collection<?> many ->
                many.stream().filter(String.class::isInstance).map(String.class::cast).toList();
            default -> List.of();
          };
      if (groups.size() > MOST_GROUPS) {
        throw failed(
            "%s says that you are in %d groups; it must name at most %d"
                .formatted(settings.name(), groups.size(), MOST_GROUPS));
      }
      return groups.stream()
          .filter(g -> !g.isEmpty() && g.length() <= LONGEST_GROUP && Names.isPlain(g))
          .distinct()
          .sorted()
          .toList();
    }
  }

  private SignIn.Outcome.Begun begin(
      Person person, @Nullable UUID before, String origin, String agent) {
    return store.inTransaction(tx -> {
      Account account = account(tx, person);
      if (before != null) {
        tx.sessions().remove(before);
      }
      return switch (signIn.begin(tx, account, origin, agent)) {
        case SignIn.Outcome.Begun begun -> begun;
        case SignIn.Outcome.Refused _, SignIn.Outcome.Locked _ ->
            throw ProblemException.of(
                Problem.Type.FORBIDDEN,
                account.name() + " was shut out here; ask whoever looks after people");
      };
    });
  }

  /** Made when somebody comes for the first time; name, groups and roles by them each time. */
  private Account account(Tx tx, Person person) {
    String issuer = settings.issuer().toString();
    Account before = tx.people().lock(issuer, person.subject()).orElse(null);
    if (before != null) {
      Account now = before.seenAs(person.shown(), person.groups());
      if (!before.disabled() && !now.equals(before)) {
        tx.people().update(now);
      }
      return now;
    }
    if (tx.people().find(person.name()).isPresent()) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "the name "
              + person.name()
              + " is somebody else's here; ask whoever looks after people to remove that one");
    }
    Account fresh =
        new Account(
            Ids.next(clock),
            person.name(),
            person.shown(),
            null,
            false,
            false,
            issuer,
            person.subject(),
            person.groups(),
            clock.instant());
    tx.people().insert(fresh);
    return fresh;
  }

  private static ProblemException failed(String why) {
    return ProblemException.of(
        Problem.Type.UNAUTHENTICATED, "signing in failed: " + why + "; sign in again");
  }
}
