package io.millwright.driver.libvirt;

import static io.millwright.driver.libvirt.LibvirtError.check;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import io.millwright.driver.libvirt.Handle.Domain;
import io.millwright.driver.libvirt.Handle.Pool;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a libvirt daemon, for one thread at a time: with several calls under way on one
 * connection, libvirt's client library (9.0) crashes the process when a dead daemon comes back.
 */
final class Connection implements AutoCloseable {
  private static final Libvirt C = Libvirt.get();

  /**
   * How long a daemon may be silent.
   *
   * @param opening while a connection to it is opened
   * @param seconds between keepalives
   * @param unanswered how many of these may stay without an answer
   */
  record Patience(Duration opening, int seconds, int unanswered) {
    /** A connection is dead after 20 seconds or so. */
    static final Patience USUAL = new Patience(Duration.ofSeconds(30), 5, 3);
  }

  // virDomainStatsTypes
  private static final int STATS_STATE = 1;
  private static final int STATS_CPU = 2;
  private static final int STATS_BALLOON = 4;
  private static final int STATS_INTERFACE = 16;
  private static final int STATS_BLOCK = 32;

  private static final Pattern HOST = Pattern.compile("<uuid>([-0-9a-f]+)</uuid>");

  private final Pointer pointer;
  private final String daemon;
  private final Libvirt.CloseFunction onClose;
  private Libvirt.@Nullable LifecycleFunction lifecycle;
  private int lifecycleId;
  private volatile boolean alive = true;
  private boolean closed;

  private Connection(Pointer pointer, String daemon, Patience patience, Runnable lost) {
    this.pointer = pointer;
    this.daemon = daemon;
    this.onClose =
        (connection, reason, opaque) -> {
          alive = false;
          lost.run();
        };
    // Neither is had by the drivers that run inside the client (test:///), which cannot be lost.
    var _ = C.virConnectSetKeepAlive(pointer, patience.seconds(), patience.unanswered());
    var _ = C.virConnectRegisterCloseCallback(pointer, onClose, null, null);
  }

  /**
   * Opens one; may block for as long as the daemon does not answer.
   *
   * @param lost called on the event loop when the daemon went away
   */
  static Connection open(Settings settings, Patience patience, Runnable lost) throws LibvirtError {
    EventLoop.ensure();
    Credentials credentials = new Credentials(settings);
    try (Memory auth = credentials.struct()) {
      return new Connection(
          check(C.virConnectOpenAuth(settings.uri(), auth, 0)), settings.daemon(), patience, lost);
    }
  }

  /** Tells the id of each domain that changes from now on, on the event loop. */
  void listen(Consumer<UUID> events) throws LibvirtError {
    Libvirt.LifecycleFunction callback =
        (connection, domain, event, detail, opaque) -> {
          try {
            events.accept(Domain.uuid(domain));
          } catch (LibvirtError e) {
            // A domain without a readable id is none of ours, and an event is a nudge only.
          }
          return 0;
        };
    int anyLifecycle = 0; // VIR_DOMAIN_EVENT_ID_LIFECYCLE
    lifecycleId =
        check(
            C.virConnectDomainEventRegisterAny(pointer, null, anyLifecycle, callback, null, null));
    lifecycle = callback; // kept from the garbage collector
  }

  /** May block, like any call. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    // Both hold a reference: without this the connection would stay open.
    if (lifecycle != null) {
      var _ = C.virConnectDomainEventDeregisterAny(pointer, lifecycleId);
    }
    var _ = C.virConnectUnregisterCloseCallback(pointer, onClose);
    var _ = C.virConnectClose(pointer);
    alive = false;
  }

  /** Known without asking the daemon. */
  boolean alive() {
    return alive && C.virConnectIsAlive(pointer) != 0;
  }

  /** Answers what libvirt asks while it opens a connection: user and password of the settings. */
  private static final class Credentials {
    private static final int AUTHNAME = 2;
    private static final int PASSPHRASE = 5;
    private static final int NOECHOPROMPT = 7;
    private static final int[] ANSWERED = {AUTHNAME, PASSPHRASE, NOECHOPROMPT};
    private static final int CREDENTIAL = 48; // sizeof(virConnectCredential)

    private final Settings settings;
    private final Libvirt.CredentialFunction callback = this::answer;
    private final Memory types = new Memory(4L * ANSWERED.length);

    Credentials(Settings settings) {
      this.settings = settings;
      types.write(0, ANSWERED, 0, ANSWERED.length);
    }

    /** virConnectAuth. */
    Memory struct() {
      Memory auth = new Memory(32);
      auth.setPointer(0, types);
      auth.setInt(8, ANSWERED.length);
      auth.setPointer(16, com.sun.jna.CallbackReference.getFunctionPointer(callback));
      auth.setPointer(24, Pointer.NULL);
      return auth;
    }

    private int answer(Pointer credentials, int count, @Nullable Pointer data) {
      for (int i = 0; i < count; i++) {
        Pointer each = credentials.share((long) CREDENTIAL * i);
        String result = each.getInt(0) == AUTHNAME ? settings.user() : settings.password();
        if (result == null) {
          return -1; // libvirt ends with AUTH_FAILED or AUTH_CANCELLED
        }
        byte[] bytes = result.getBytes(StandardCharsets.UTF_8);
        // libvirt frees it
        Pointer kept = new Pointer(Native.malloc(bytes.length + 1L));
        kept.write(0, bytes, 0, bytes.length);
        kept.setByte(bytes.length, (byte) 0);
        each.setPointer(32, kept);
        each.setInt(40, bytes.length);
      }
      return 0;
    }
  }

  // ------------------------------------------------------------------------------------ domains

  @Nullable Domain domain(UUID uid) throws LibvirtError {
    return found(C.virDomainLookupByUUIDString(pointer, uid.toString()));
  }

  @Nullable Domain domain(String name) throws LibvirtError {
    return found(C.virDomainLookupByName(pointer, name));
  }

  private static @Nullable Domain found(@Nullable Pointer domain) throws LibvirtError {
    if (domain != null) {
      return new Domain(domain);
    }
    LibvirtError error = LibvirtError.last();
    if (error.is(LibvirtError.NO_DOMAIN)) {
      return null;
    }
    throw error;
  }

  Domain define(String xml) throws LibvirtError {
    return new Domain(check(C.virDomainDefineXMLFlags(pointer, xml, 0)));
  }

  /** Starts a domain that is gone when it ends, or when this connection does; it is paused yet. */
  Domain pausedTransient(String xml) throws LibvirtError {
    int flags = 2 | 1; // VIR_DOMAIN_START_AUTODESTROY, VIR_DOMAIN_START_PAUSED
    return new Domain(check(C.virDomainCreateXML(pointer, xml, flags)));
  }

  List<Domain> domains() throws LibvirtError {
    return domains(0);
  }

  /** Those of which nothing stays when they stop; asked for at once. */
  Set<UUID> passing() throws LibvirtError {
    List<Domain> passing = domains(8); // VIR_CONNECT_LIST_DOMAINS_TRANSIENT
    try {
      Set<UUID> out = new HashSet<>();
      for (Domain domain : passing) {
        out.add(domain.uuid());
      }
      return out;
    } finally {
      Handle.closeAll(passing);
    }
  }

  private List<Domain> domains(int which) throws LibvirtError {
    PointerByReference array = new PointerByReference();
    int count = check(C.virConnectListAllDomains(pointer, array, which));
    return Handle.owned(array, count, Domain::new);
  }

  /** The states of all domains, asked for at once. */
  Map<UUID, Domain.State> states() throws LibvirtError {
    Map<UUID, Domain.State> out = new HashMap<>();
    statistics(STATS_STATE, 0)
        .forEach((uid, told) ->
            out.put(
                uid,
                new Domain.State(
                    told.getOrDefault("state.state", 0L).intValue(),
                    told.getOrDefault("state.reason", 0L).intValue())));
    return out;
  }

  /** What all domains that run have used, asked for at once; none is waited for. */
  Map<UUID, Map<String, Long>> usage() throws LibvirtError {
    int active = 1; // VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
    int noWait = 1 << 29; // VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    return statistics(STATS_CPU | STATS_BALLOON | STATS_INTERFACE | STATS_BLOCK, active | noWait);
  }

  /** The numbers of these groups, by domain and by libvirt's names for them. */
  private Map<UUID, Map<String, Long>> statistics(int groups, int flags) throws LibvirtError {
    PointerByReference array = new PointerByReference();
    int count = check(C.virConnectGetAllDomainStats(pointer, groups, array, flags));
    Pointer records = array.getValue();
    Map<UUID, Map<String, Long>> out = new HashMap<>();
    try {
      for (int i = 0; i < count; i++) {
        Pointer record = records.getPointer((long) Native.POINTER_SIZE * i);
        Pointer parameters = record.getPointer(8);
        Map<String, Long> numbers = new HashMap<>();
        for (int j = 0; j < record.getInt(16); j++) {
          // virTypedParameter: char field[80], int type, union of 8 bytes
          long at = 96L * j;
          String field = parameters.getString(at, StandardCharsets.US_ASCII.name());
          switch (parameters.getInt(at + 80)) {
            case 1 -> numbers.put(field, (long) parameters.getInt(at + 88)); // int
            case 2 -> numbers.put(field, Integer.toUnsignedLong(parameters.getInt(at + 88)));
            case 3, 4 -> numbers.put(field, parameters.getLong(at + 88)); // long long
            default -> {} // texts and the like
          }
        }
        out.put(Domain.uuid(record.getPointer(0)), numbers);
      }
      return out;
    } finally {
      C.virDomainStatsRecordListFree(records);
    }
  }

  // ------------------------------------------------------------------------------- host, storage

  /** Name and version of the hypervisor and of libvirt. */
  String version() throws LibvirtError {
    LongByReference number = new LongByReference();
    List<String> out = new ArrayList<>();
    check(C.virConnectGetVersion(pointer, number));
    out.add(LibvirtError.utf8(check(C.virConnectGetType(pointer))) + " " + dotted(number));
    check(C.virConnectGetLibVersion(pointer, number));
    out.add("libvirt " + dotted(number));
    return String.join(", ", out);
  }

  private static String dotted(LongByReference number) {
    long n = number.getValue();
    return n / 1_000_000 + "." + n / 1_000 % 1_000 + "." + n % 1_000;
  }

  /**
   * Which daemon on which host this is. Of several on one host, those in containers have names of
   * their own, and the others are reached in other ways.
   */
  String endpoint() throws LibvirtError {
    Matcher host = HOST.matcher(Handle.owned(check(C.virConnectGetCapabilities(pointer))));
    return String.join(
        " ",
        "libvirt",
        Handle.owned(check(C.virConnectGetHostname(pointer))),
        host.find() ? host.group(1) : "",
        daemon);
  }

  /** Its processors, and its memory in bytes. */
  record Node(int processors, long memory) {}

  Node node() throws LibvirtError {
    try (Memory info = new Memory(72)) {
      check(C.virNodeGetInfo(pointer, info));
      return new Node(info.getInt(40), info.getLong(32) << 10);
    }
  }

  /** True if the daemon offers domains of this type: {@code kvm} or {@code qemu}. */
  boolean offers(String type) throws LibvirtError {
    Pointer xml = C.virConnectGetDomainCapabilities(pointer, null, "x86_64", null, type, 0);
    if (xml != null) {
      var _ = Handle.owned(xml);
      return true;
    }
    LibvirtError error = LibvirtError.last();
    if (alive()) {
      return false;
    }
    throw error;
  }

  /** The storage pool; NO_STORAGE_POOL if there is none of that name. */
  Pool pool(String name) throws LibvirtError {
    return new Pool(check(C.virStoragePoolLookupByName(pointer, name)));
  }

  Pointer newStream(int flags) throws LibvirtError {
    return check(C.virStreamNew(pointer, flags));
  }
}
