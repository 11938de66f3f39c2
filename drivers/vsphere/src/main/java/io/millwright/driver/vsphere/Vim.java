package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.Transfers;
import io.millwright.driver.Trust;
import io.millwright.model.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.xml.stream.XMLStreamException;
import org.jspecify.annotations.Nullable;

/**
 * The vim25 protocol: SOAP over HTTPS, with a session that is opened when it is first needed and
 * again when the server has ended it.
 *
 * <p>A login that was refused is not tried again for {@link #LOGIN_PAUSE}, twice as long after each
 * further time, by none of those that have the same account: whoever tries wrong passwords over and
 * over locks it, also for those who know the right one, and as many Hypervisors as a vCenter has
 * parts may name it. A host alone counts on until somebody logs in, and after the fifth time locks
 * it for 15 minutes at each.
 */
final class Vim implements AutoCloseable {
  static final Duration LOGIN_PAUSE = Duration.ofMinutes(10);
  static final Duration LONGEST_LOGIN_PAUSE = Duration.ofDays(1);

  /** Of a vCenter, which forgets what was wrong within minutes. */
  private static final Duration LONGEST_OF_VCENTER = Duration.ofHours(1);

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Ref SERVICE = new Ref("ServiceInstance", "ServiceInstance");

  /**
   * The versions of the protocol that were looked at. A server leaves out of its answers what is
   * newer than the one that it is asked in, and takes none that it does not know.
   */
  private static final String OLDEST = "urn:vim25/6.5";

  private static final String NEWEST = "urn:vim25/7.0.0.0";

  private static final String NOT_AUTHENTICATED = "NotAuthenticated";
  private static final String ENVELOPE =
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" \
      xmlns:xsd="http://www.w3.org/2001/XMLSchema" \
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>\
      """;

  /**
   * What the server is made of, by the names of {@code ServiceContent}.
   *
   * @param endpoint what no other one is called
   * @param protocol the version of the protocol in which it is asked
   */
  record Content(
      Ref root,
      Ref properties,
      Ref views,
      Ref sessions,
      Ref search,
      Ref files,
      Ref disks,
      Ref performance,
      boolean vcenter,
      String version,
      String endpoint,
      String protocol) {}

  /**
   * Who logs in, by a digest of its url, user and password, for this outlives the settings; kept
   * while one is open that does, and as long as a refusal counts.
   */
  private static final Map<String, Account> ACCOUNTS = new HashMap<>();

  /** Of this process, so that the digest of a short password tells it to nobody. */
  private static final byte[] SALT = salt();

  private static final class Account {
    final ReentrantLock login = new ReentrantLock();

    /** Before which this password is not tried again, for it was refused; set under the lock. */
    volatile @Nullable Instant until;

    /** How long that was. */
    Duration pause = Duration.ZERO;

    /** How many are open that log in with it; under the map's lock. */
    int users;

    /** Whether nobody needs to know of it any more. */
    boolean over(Instant now) {
      Instant last = until;
      return users == 0 && (last == null || now.isAfter(last.plus(LONGEST_LOGIN_PAUSE)));
    }

    void refused(Instant now, Duration longest) {
      Duration next = pause.isZero() ? LOGIN_PAUSE : pause.multipliedBy(2);
      pause = next.compareTo(longest) > 0 ? longest : next;
      until = now.plus(pause);
    }

    void taken() {
      pause = Duration.ZERO;
      until = null;
    }
  }

  /** What belongs to one login, and ends with it. */
  private record Session(String cookie, Content content, Map<String, Ref> views) {}

  /** Something that is asked and may be answered with a fault. */
  interface Work<T> {
    T get() throws VimFault, DriverException;
  }

  private final Settings settings;
  private final URI sdk;
  private final HttpClient http;
  private final Transfers transfers;
  private final InstantSource clock;
  private final Account account;
  private final AtomicLong calls = new AtomicLong();
  private volatile @Nullable Session session;
  private volatile boolean closed;

  Vim(Settings settings, InstantSource clock) {
    this(settings, clock, Transfers.PATIENCE);
  }

  /**
   * @param still how long a file may not move before it is given up
   */
  Vim(Settings settings, InstantSource clock, Duration still) {
    this.settings = settings;
    this.sdk = settings.url().resolve("/sdk");
    this.clock = clock;
    this.account = account(settings, clock.instant());
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(10))
            .sslContext(Trust.of(settings.ca(), settings.thumbprint()))
            .build();
    this.transfers = new Transfers(http, still);
  }

  private static byte[] salt() {
    byte[] out = new byte[32];
    new SecureRandom().nextBytes(out);
    return out;
  }

  private static Account account(Settings settings, Instant now) {
    MessageDigest digest = Sha256.digest();
    digest.update(SALT);
    for (String part : List.of(settings.url().toString(), settings.user(), settings.password())) {
      digest.update(part.getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
    }
    String key = HexFormat.of().formatHex(digest.digest());
    synchronized (ACCOUNTS) {
      ACCOUNTS.values().removeIf(account -> account.over(now));
      Account out = ACCOUNTS.computeIfAbsent(key, _ -> new Account());
      out.users++;
      return out;
    }
  }

  /** How many accounts are known, of all that are open or were refused; for a test. */
  static int accounts() {
    synchronized (ACCOUNTS) {
      return ACCOUNTS.size();
    }
  }

  /** How many requests were sent; for measuring. */
  long calls() {
    return calls.get();
  }

  /** Does it, and tells of a fault in the words of the driver boundary. */
  <T> T act(Work<T> work) throws DriverException {
    try {
      return work.get();
    } catch (VimFault e) {
      throw FaultKinds.translate(e, e.is("NoPermission") ? nameOf(e) : "");
    } catch (IllegalArgumentException e) {
      throw new DriverException(
          FaultKind.REFUSED,
          "A name or a text holds a character that vSphere cannot take.",
          String.valueOf(e.getMessage()),
          e);
    }
  }

  /** What a missing privilege is about, by its name if that may be read. */
  private String nameOf(VimFault fault) throws DriverException {
    Ref object = fault.detail().find("object").map(Element::ref).orElse(new Ref("", ""));
    if (object.value().isEmpty()) {
      return "";
    }
    try {
      String name = new Collector(this).read(object, "name").text("name");
      return object.type() + " " + (name.isEmpty() ? object.value() : name);
    } catch (VimFault e) {
      return object.toString();
    }
  }

  // ------------------------------------------------------------------------------------ sessions

  Content content() throws DriverException, VimFault {
    return session().content();
  }

  /** The list of all objects of these types, which the server keeps for this session. */
  Ref view(String... types) throws DriverException, VimFault {
    Session now = session();
    String key = String.join(",", types);
    Ref there = now.views().get(key);
    if (there != null) {
      return there;
    }
    Element[] arguments = new Element[types.length + 2];
    arguments[0] = now.content().root().as("container");
    for (int i = 0; i < types.length; i++) {
      arguments[i + 1] = new Element("type").holding(types[i]);
    }
    arguments[types.length + 1] = new Element("recursive").holding("true");
    Ref made = value(call(now.content().views(), "CreateContainerView", arguments)).ref();
    session().views().put(key, made);
    return made;
  }

  /** After the server has forgotten them. */
  void forgetViews() {
    Session now = session;
    if (now != null) {
      now.views().clear();
    }
  }

  private Session session() throws DriverException, VimFault {
    Session now = session;
    return now != null ? now : renew(null);
  }

  /** Another session in place of this one, unless somebody else was faster. */
  private Session renew(@Nullable Session old) throws DriverException, VimFault {
    try {
      account.login.lockInterruptibly();
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    }
    try {
      Session now = session;
      if (now != null && now != old) {
        return now;
      }
      Instant until = account.until;
      if (until != null && clock.instant().isBefore(until)) {
        throw new DriverException(
            FaultKind.REFUSED,
            "The hypervisor refused the login; check user and password in its settings.",
            "not tried again before " + until,
            null);
      }
      session = null;
      Session opened = open();
      account.taken();
      session = opened;
      return opened;
    } finally {
      account.login.unlock();
    }
  }

  private Session open() throws DriverException, VimFault {
    StringBuilder cookie = new StringBuilder();
    Element there = value(post(OLDEST, cookie, SERVICE, "RetrieveServiceContent", PATIENCE));
    Element about = there.find("about").orElse(new Element("about"));
    Content content =
        new Content(
            at(there, "rootFolder"),
            at(there, "propertyCollector"),
            at(there, "viewManager"),
            at(there, "sessionManager"),
            at(there, "searchIndex"),
            at(there, "fileManager"),
            at(there, "virtualDiskManager"),
            at(there, "perfManager"),
            about.text("apiType").equals("VirtualCenter"),
            about.text("fullName"),
            endpoint(about.text("instanceUuid")),
            protocol(about.text("apiVersion")));
    try {
      post(
          content.protocol(),
          cookie,
          content.sessions(),
          "Login",
          PATIENCE,
          new Element("userName").holding(settings.user()),
          new Element("password").holding(settings.password()));
    } catch (VimFault e) {
      if (e.is("InvalidLogin")) {
        account.refused(
            clock.instant(), content.vcenter() ? LONGEST_OF_VCENTER : LONGEST_LOGIN_PAUSE);
      }
      throw e;
    }
    return new Session(cookie.toString(), content, new ConcurrentHashMap<>());
  }

  /** Of a server that says of itself that it has this version. */
  static String protocol(String apiVersion) {
    String major = apiVersion.replaceFirst("\\..*", "");
    return major.matches("[7-9]|[1-9][0-9]{1,3}") ? NEWEST : OLDEST;
  }

  /** A host without a vCenter does not say which one it is. */
  private String endpoint(String instance) {
    return instance.isEmpty() ? "host " + settings.url().getAuthority() : "vcenter " + instance;
  }

  private static Ref at(Element content, String name) {
    return content.find(name).map(Element::ref).orElse(new Ref("", ""));
  }

  // --------------------------------------------------------------------------------------- calls

  /** Asks, in another session if the server has ended this one. */
  Element call(Ref target, String method, Element... arguments) throws DriverException, VimFault {
    return call(PATIENCE, target, method, arguments);
  }

  Element call(Duration patience, Ref target, String method, Element... arguments)
      throws DriverException, VimFault {
    return call(WHOLE, patience, target, method, arguments);
  }

  /**
   * Asks for a list that may be long, and takes each of its parts when it is there.
   *
   * @param part what the parts are called; the answer is without them
   * @param without as {@link Element#read(InputStream, Set, java.util.function.Predicate)} has it
   */
  Element list(
      String part,
      Set<String> without,
      Consumer<Element> take,
      Ref target,
      String method,
      Element... arguments)
      throws DriverException, VimFault {
    Body<InputStream> parts =
        new Body<>(
            BodyHandlers.ofInputStream(),
            body -> {
              AtomicBoolean taken = new AtomicBoolean();
              AtomicBoolean ended = new AtomicBoolean();
              try (body) {
                Element rest =
                    Element.read(
                        body,
                        without,
                        whole -> {
                          if (!whole.name().equals(part)) {
                            return true;
                          }
                          if (unauthenticated(whole)) {
                            ended.set(true);
                          } else if (!ended.get()) {
                            taken.set(true);
                            take.accept(whole);
                          }
                          return false;
                        });
                if (ended.get() && taken.get()) {
                  throw new IOException("the session ended in the middle of an answer");
                } else if (ended.get()) {
                  throw unauthenticated();
                }
                return rest;
              }
            });
    return call(parts, PATIENCE, target, method, arguments);
  }

  private <T> Element call(
      Body<T> body, Duration patience, Ref target, String method, Element... arguments)
      throws DriverException, VimFault {
    Session now = session();
    try {
      return post(body, now, target, method, patience, arguments);
    } catch (VimFault e) {
      if (!e.is(NOT_AUTHENTICATED)) {
        throw e;
      }
    }
    return post(body, renew(now), target, method, patience, arguments);
  }

  /** What an answer holds. */
  static Element value(Element answer) {
    return answer.find("returnval").orElse(new Element("returnval"));
  }

  /** How an answer comes, and how it is read. */
  private record Body<T>(BodyHandler<T> handler, Read<T> read) {
    interface Read<T> {
      Element from(T body) throws XMLStreamException, IOException, VimFault;
    }
  }

  /**
   * The property collector answers whoever has no session: with objects of which no property may be
   * read. That is no answer about them.
   */
  private static boolean unauthenticated(Element object) {
    return object
        .all("missingSet")
        .anyMatch(missing ->
            missing
                .find("fault", "fault")
                .filter(fault -> fault.type().equals(NOT_AUTHENTICATED))
                .isPresent());
  }

  private static VimFault unauthenticated() {
    return new VimFault(NOT_AUTHENTICATED, "no property may be read", new Element("fault"));
  }

  /** To be handed over piece by piece takes longer than most answers are long. */
  private static final Body<byte[]> WHOLE = new Body<>(BodyHandlers.ofByteArray(), Element::read);

  private Element post(
      String protocol,
      StringBuilder cookie,
      Ref target,
      String method,
      Duration patience,
      Element... arguments)
      throws DriverException, VimFault {
    return post(WHOLE, protocol, cookie, target, method, patience, arguments);
  }

  private <T> Element post(
      Body<T> answers,
      Session session,
      Ref target,
      String method,
      Duration patience,
      Element... arguments)
      throws DriverException, VimFault {
    StringBuilder cookie = new StringBuilder(session.cookie());
    return post(answers, session.content().protocol(), cookie, target, method, patience, arguments);
  }

  /**
   * @param cookie is sent if there is one, and becomes what the server sets
   */
  private <T> Element post(
      Body<T> answers,
      String protocol,
      StringBuilder cookie,
      Ref target,
      String method,
      Duration patience,
      Element... arguments)
      throws DriverException, VimFault {
    StringBuilder body = new StringBuilder(1024).append(ENVELOPE);
    body.append('<').append(method).append(" xmlns=\"urn:vim25\">");
    target.as("_this").write(body);
    for (Element argument : arguments) {
      argument.write(body);
    }
    body.append("</").append(method).append("></soapenv:Body></soapenv:Envelope>");
    HttpRequest.Builder request =
        HttpRequest.newBuilder(sdk)
            .timeout(patience)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", protocol)
            .POST(BodyPublishers.ofString(body.toString()));
    if (!cookie.isEmpty()) {
      request.header("Cookie", cookie.toString());
    }
    HttpResponse<T> response = send(request.build(), answers.handler());
    response
        .headers()
        .firstValue("Set-Cookie")
        .ifPresent(set -> {
          cookie.setLength(0);
          cookie.append(set, 0, set.indexOf(';') < 0 ? set.length() : set.indexOf(';'));
        });
    if (response.statusCode() != 200 && response.statusCode() != 500) {
      drop(response.body());
      throw status(response.statusCode());
    }
    try {
      Element envelope = answers.read().from(response.body());
      Element answer =
          envelope
              .find("Body")
              .flatMap(b -> b.children().stream().findFirst())
              .orElseThrow(() -> new XMLStreamException("the answer is empty"));
      if (answer.name().equals("Fault")) {
        throw VimFault.of(answer);
      }
      if (value(answer).all("objects").anyMatch(Vim::unauthenticated)) {
        throw unauthenticated();
      }
      return answer;
    } catch (IOException e) {
      throw failed(e);
    } catch (XMLStreamException e) {
      if (e.getNestedException() instanceof IOException broken) {
        throw failed(broken);
      }
      throw new DriverException(
          FaultKind.UNREACHABLE,
          "The hypervisor does not answer, or not so that it can be trusted.",
          "HTTP status " + response.statusCode() + ": " + e.getMessage(),
          e);
    }
  }

  private static DriverException status(int status) {
    FaultKind kind =
        switch (status) {
          case 401, 403, 404, 405, 301, 302, 307, 308 -> FaultKind.REFUSED;
          case 507 -> FaultKind.CAPACITY;
          default -> FaultKind.UNREACHABLE;
        };
    return new DriverException(
        kind,
        switch (kind) {
          case REFUSED -> "What answers there is no vSphere, or refuses this; check its url.";
          case CAPACITY -> "The datastore is full; make room, or use another one.";
          default -> "The hypervisor does not answer, or not so that it can be trusted.";
        },
        "HTTP status " + status,
        null);
  }

  private <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
      throws DriverException {
    return send(() -> http.send(request, handler));
  }

  /** The way to an answer. */
  private interface Sending<T> {
    HttpResponse<T> send() throws IOException, InterruptedException;
  }

  private <T> HttpResponse<T> send(Sending<T> request) throws DriverException {
    if (closed) {
      throw DriverException.closed();
    }
    calls.incrementAndGet();
    try {
      return request.send();
    } catch (InterruptedException e) {
      throw DriverException.interrupted(e);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private DriverException failed(IOException e) {
    return closed ? DriverException.closed() : Trust.failed(e, "ca or thumbprint");
  }

  // --------------------------------------------------------------------------------------- files

  /**
   * Puts a file into a datastore.
   *
   * @param content may be asked for twice, if the session has ended
   */
  void put(URI relative, BodyPublisher content) throws DriverException, VimFault {
    HttpResponse<Void> response =
        file(
            relative,
            request -> request.header("Content-Type", "application/octet-stream").PUT(content),
            BodyHandlers.discarding());
    if (response.statusCode() / 100 != 2) {
      throw status(response.statusCode());
    }
  }

  /** Reads a file of a datastore; whoever asks closes it. */
  InputStream get(URI relative) throws DriverException, VimFault {
    HttpResponse<InputStream> response =
        file(relative, HttpRequest.Builder::GET, BodyHandlers.ofInputStream());
    if (response.statusCode() != 200) {
      drop(response.body());
      throw response.statusCode() == 404
          ? Machines.conflict("The datastore has no such file.", relative.getPath())
          : status(response.statusCode());
    }
    return transfers.watched(response.body());
  }

  /** Asks, in another session if the server has ended this one, which 401 says here. */
  private <T> HttpResponse<T> file(
      URI relative, UnaryOperator<HttpRequest.Builder> what, BodyHandler<T> handler)
      throws DriverException, VimFault {
    Session now = session();
    HttpRequest request = file(now, relative, what);
    HttpResponse<T> response = send(() -> transfers.send(request, handler));
    if (response.statusCode() != 401) {
      return response;
    }
    drop(response.body());
    HttpRequest again = file(renew(now), relative, what);
    return send(() -> transfers.send(again, handler));
  }

  private HttpRequest file(Session session, URI relative, UnaryOperator<HttpRequest.Builder> what) {
    return what.apply(
            HttpRequest.newBuilder(settings.url().resolve(relative))
                .header("Cookie", session.cookie()))
        .build();
  }

  /** Nobody reads an answer to its end, and so its connection is not used again. */
  private void drop(Object body) throws DriverException {
    try {
      if (body instanceof InputStream unread) {
        unread.close();
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    Session now = session;
    if (now != null) {
      try {
        post(WHOLE, now, now.content().sessions(), "Logout", Duration.ofSeconds(2));
      } catch (DriverException | VimFault e) {
        // The server ends a session that nobody uses by itself.
      }
    }
    closed = true;
    synchronized (ACCOUNTS) {
      account.users--;
      ACCOUNTS.values().removeIf(other -> other.over(clock.instant()));
    }
    http.shutdownNow();
  }
}
