package io.millwright.driver.proxmox;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.millwright.driver.testkit.ServerKeys;
import io.millwright.model.manifest.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A small Proxmox VE of two nodes, over real TLS: it remembers what it is told, keeps what it knows
 * of Proxmox VE's rules, and answers in the shapes of {@code recorded/}. It boots nothing and moves
 * no bytes of disks. What it has no answer for, it refuses, so that a request that does not exist
 * does not pass.
 */
final class FakePve implements AutoCloseable {
  static final String TOKEN = "mw@pve!millwright";
  static final String SECRET = "5ecre7-0f-the-test";

  static {
    // Else the JDK's server waits 40 ms for an acknowledgement in every answer.
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  /** What a VM is. */
  private static final class Vm {
    String node;
    Map<String, String> config = new TreeMap<>();
    final Map<String, String> pending = new TreeMap<>();
    final Set<String> deleted = new TreeSet<>();
    String status = "stopped";
    String qmp = "stopped";
    String lock = "";

    /** What its agent was told to run; empty once the end was told. */
    final List<String> commands = new ArrayList<>();

    final Set<Integer> asked = new TreeSet<>();

    Vm(String node) {
      this.node = node;
    }

    /** What was in its configuration when each was made. */
    final Map<String, Map<String, String>> snapshots = new TreeMap<>();

    /** As it counts from the next start. */
    Map<String, String> next() {
      Map<String, String> out = new TreeMap<>(config);
      out.keySet().removeAll(deleted);
      out.putAll(pending);
      return out;
    }

    void settle() {
      config = next();
      pending.clear();
      deleted.clear();
    }
  }

  private record Volume(String id, String content, String format, long size, int owner) {}

  private static final class Task {
    final String type;
    final String id;
    final String node;
    String exit = "";
    @Nullable Runnable effect;

    Task(String type, String id, String node) {
      this.type = type;
      this.id = id;
      this.node = node;
    }
  }

  /** What is answered in place of an effect. */
  record No(int status, String words) {}

  private static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;
    final int status;

    Refusal(int status, String words) {
      super(words);
      this.status = status;
    }
  }

  private final HttpsServer server;
  private final ServerKeys keys;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<Integer, Vm> vms = new TreeMap<>();
  private final Map<String, Volume> volumes = new LinkedHashMap<>();
  private final Map<String, Task> tasks = new LinkedHashMap<>();
  private final Map<String, No> noes = new ConcurrentHashMap<>();
  private int count;

  /** Of requests, in order: method and path. */
  final List<String> calls = new CopyOnWriteArrayList<>();

  /** Kinds of tasks that never end until {@link #release}. */
  final Set<String> held = ConcurrentHashMap.newKeySet();

  /** Has uploads taken and not answered until then, as after a connection was dropped. */
  volatile @Nullable CountDownLatch stuck;

  /** Contents of the storage local, as its settings say. */
  volatile String contents = "iso,import,vztmpl";

  /** Whether the second storage with images is there. */
  volatile boolean second;

  FakePve() {
    this(ServerKeys.of(List.of()));
  }

  FakePve(ServerKeys keys) {
    this.keys = keys;
    try {
      server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setHttpsConfigurator(new HttpsConfigurator(keys.context()));
    server.setExecutor(threads);
    server.createContext("/", this::answer);
    server.start();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  Map<String, String> settings() {
    return new HashMap<>(
        Map.of(
            "url",
            "https://127.0.0.1:" + server.getAddress().getPort(),
            "token",
            TOKEN,
            "secret",
            SECRET,
            "ca",
            keys.pem(),
            "node",
            "pve1"));
  }

  /** With this fingerprint in place of an authority. */
  Map<String, String> pinned(String fingerprint) {
    Map<String, String> out = settings();
    out.remove("ca");
    out.put("fingerprint", fingerprint);
    return out;
  }

  ServerKeys keys() {
    return keys;
  }

  /** A shape, of which the values are to be set. */
  static JsonNode recorded(String name) {
    try (InputStream in = FakePve.class.getResourceAsStream("/recorded/" + name + ".json")) {
      return Json.mapper().readTree(Objects.requireNonNull(in, name).readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ObjectNode row(String name, String type) {
    for (JsonNode row : recorded(name).path("data")) {
      if (type.isEmpty() || row.path("type").asString("").equals(type)) {
        return ((ObjectNode) row).deepCopy();
      }
    }
    throw new IllegalArgumentException(name + " " + type);
  }

  private static final ObjectNode GUEST = row("cluster-resources", "qemu");
  private static final ObjectNode NODE = row("cluster-resources", "node");
  private static final ObjectNode STORAGE = row("cluster-resources", "storage");
  private static final ObjectNode LISTED = row("node-qemu", "");
  private static final ObjectNode CURRENT = (ObjectNode) recorded("status-current").path("data");
  private static final ObjectNode CONTENT = row("content", "");
  private static final ObjectNode TASK = (ObjectNode) recorded("task-status").path("data");
  private static final ObjectNode ACTIVE = row("tasks", "");
  private static final ObjectNode BRIDGE = row("network", "");

  // ------------------------------------------------------------------------- behind its back

  /** Has requests whose method and path fit this refused from now on. */
  void refuse(String pattern, int status, String words) {
    noes.put(pattern, new No(status, words));
  }

  void allow() {
    noes.clear();
  }

  synchronized int add(Map<String, String> config) {
    int number = 100;
    while (vms.containsKey(number)) {
      number++;
    }
    Vm vm = new Vm("pve2");
    vm.config.putAll(config);
    vms.put(number, vm);
    return number;
  }

  /** The number of the machine with this uid, or 0; the first one if there are several. */
  synchronized int number(String uuid) {
    return vms.entrySet().stream()
        .filter(e -> e.getValue().next().getOrDefault("smbios1", "").contains(uuid))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(0);
  }

  /** The number of the VM that has a tag which holds this, or 0. */
  synchronized int tagged(String part) {
    return vms.entrySet().stream()
        .filter(e -> e.getValue().config.getOrDefault("tags", "").contains(part))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(0);
  }

  synchronized Map<String, String> config(int number) {
    return vm(number).next();
  }

  synchronized void set(int number, String name, String value) {
    vm(number).config.put(name, value);
  }

  /** As somebody makes a snapshot: with all that stands in its configuration. */
  synchronized void snapshot(int number, String name) {
    vm(number).snapshots.put(name, new TreeMap<>(vm(number).config));
  }

  synchronized void forgetSnapshots(int number) {
    vm(number).snapshots.clear();
  }

  synchronized void state(int number, String status, String qmp) {
    vm(number).status = status;
    vm(number).qmp = qmp;
  }

  synchronized void lock(int number, String lock) {
    vm(number).lock = lock;
  }

  synchronized void move(int number, String node) {
    vm(number).node = node;
  }

  /** As somebody clones it: with all that stands in its configuration but its uuid. */
  synchronized int copy(int number, boolean sameUuid) {
    int other = add(vm(number).next());
    if (!sameUuid) {
      vm(other).config.put("smbios1", "uuid=" + java.util.UUID.randomUUID());
    }
    return other;
  }

  synchronized void remove(int number) {
    vms.remove(number);
  }

  synchronized String look(int number) {
    Vm vm = vms.get(number);
    return vm == null ? "" : vm.status + vm.qmp + vm.node + vm.config + vm.pending;
  }

  synchronized int machines() {
    return vms.size();
  }

  synchronized boolean has(String volume) {
    return volumes.containsKey(volume);
  }

  synchronized long size(String volume) {
    return Objects.requireNonNull(volumes.get(volume), volume).size();
  }

  synchronized List<String> volumes() {
    return List.copyOf(volumes.keySet());
  }

  synchronized void file(String content, String name, long size) {
    String id = "local:" + content + "/" + name;
    volumes.put(id, new Volume(id, content, name.replaceAll(".*\\.", ""), size, 0));
  }

  /** What a creation that died left under a number. */
  synchronized String leftover(int number, long size) {
    String id = "local-lvm:vm-" + number + "-disk-0";
    volumes.put(id, new Volume(id, "images", "raw", size, number));
    return id;
  }

  synchronized void release() {
    held.clear();
    tasks.values().forEach(this::end);
  }

  /** As after a node fell: what it worked on stays as it is, and nobody works on it. */
  synchronized void forgetTasks() {
    tasks.clear();
  }

  private void end(Task task) {
    if (!task.exit.isEmpty()) {
      return;
    }
    try {
      if (task.effect != null) {
        task.effect.run();
      }
      task.exit = "OK";
    } catch (Refusal e) {
      task.exit = String.valueOf(e.getMessage());
    }
  }

  // --------------------------------------------------------------------------------- requests

  private record Request(
      String method, List<String> path, Map<String, String> values, byte[] file) {
    String at(int i) {
      return i < path.size() ? path.get(i) : "";
    }

    int number() {
      return Integer.parseInt(at(3));
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      int status = 200;
      JsonNode body;
      try {
        String auth = exchange.getRequestHeaders().getFirst("Authorization");
        byte[] sent = exchange.getRequestBody().readAllBytes();
        Request request = request(exchange, sent);
        String line = request.method() + " /" + String.join("/", request.path());
        calls.add(line);
        CountDownLatch until = stuck;
        if (until != null && line.endsWith("/upload")) {
          try {
            until.await();
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
        }
        if (!("PVEAPIToken=" + TOKEN + "=" + SECRET).equals(auth)) {
          throw new Refusal(401, "invalid token value!\n");
        }
        for (Map.Entry<String, No> no : noes.entrySet()) {
          if (line.matches(no.getKey())) {
            throw new Refusal(no.getValue().status(), no.getValue().words());
          }
        }
        synchronized (this) {
          JsonNode data = data(request);
          body = Json.mapper().createObjectNode().set("data", data);
        }
      } catch (Refusal e) {
        status = e.status;
        body =
            Json.mapper()
                .createObjectNode()
                .putNull("data")
                .put("message", String.valueOf(e.getMessage()));
      }
      byte[] bytes = Json.mapper().writeValueAsBytes(body);
      exchange.getResponseHeaders().set("Content-Type", "application/json;charset=UTF-8");
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private static Request request(HttpExchange exchange, byte[] sent) {
    String raw = exchange.getRequestURI().getRawPath();
    if (!raw.startsWith("/api2/json/")) {
      throw new Refusal(404, "no such file");
    }
    List<String> path =
        Arrays.stream(raw.substring("/api2/json/".length()).split("/"))
            .map(part -> URLDecoder.decode(part, StandardCharsets.UTF_8))
            .toList();
    Map<String, String> values = new LinkedHashMap<>();
    byte[] file = new byte[0];
    String type =
        Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst("Content-Type"), "");
    if (type.startsWith("multipart/form-data; boundary=")) {
      file = multipart(sent, type.substring(type.indexOf('=') + 1), values);
    } else {
      form(new String(sent, StandardCharsets.UTF_8), values);
    }
    form(Objects.requireNonNullElse(exchange.getRequestURI().getRawQuery(), ""), values);
    return new Request(exchange.getRequestMethod(), path, values, file);
  }

  private static void form(String text, Map<String, String> values) {
    for (String each : text.split("&")) {
      int at = each.indexOf('=');
      if (at > 0) {
        values.merge( // of an array, all
            URLDecoder.decode(each.substring(0, at), StandardCharsets.UTF_8),
            URLDecoder.decode(each.substring(at + 1), StandardCharsets.UTF_8),
            (a, b) -> a + "|" + b);
      }
    }
  }

  private static byte[] multipart(byte[] sent, String boundary, Map<String, String> values) {
    byte[] file = new byte[0];
    String all = new String(sent, StandardCharsets.ISO_8859_1);
    Pattern head =
        Pattern.compile(
            "--"
                + Pattern.quote(boundary)
                + "\r\n"
                + "Content-Disposition: form-data; name=\"([^\"]+)\"(?:;"
                + " filename=\"([^\"]+)\")?\r\n"
                + "(?:Content-Type: [^\r"
                + "]+\r\n"
                + ")?\r\n");
    Matcher m = head.matcher(all);
    while (m.find()) {
      int end = all.indexOf("\r\n--" + boundary, m.end());
      if (m.group(2) != null) {
        values.put("filename", m.group(2));
        file = Arrays.copyOfRange(sent, m.end(), end);
      } else {
        values.put(m.group(1), all.substring(m.end(), end));
      }
    }
    return file;
  }

  private JsonNode data(Request r) {
    String kind = r.path().size() + " " + r.method() + " " + r.at(0);
    return switch (kind) {
      case "1 GET version" -> recorded("version").path("data");
      case "2 GET cluster" -> resources();
      default -> {
        if (!r.at(0).equals("nodes") || !List.of("pve1", "pve2").contains(r.at(1))) {
          throw new Refusal(500, "hostname lookup '" + r.at(1) + "' failed\n");
        }
        yield switch (r.at(2)) {
          case "qemu" -> qemu(r);
          case "storage" -> storage(r);
          case "tasks" -> tasks(r);
          case "certificates" -> recorded("certificates").path("data");
          case "network" -> {
            ArrayNode out = Json.mapper().createArrayNode();
            List.of("vmbr0", "vmbr1")
                .forEach(name -> out.add(BRIDGE.deepCopy().put("iface", name)));
            yield out;
          }
          default -> throw new Refusal(501, "Method '" + r.method() + "' not implemented\n");
        };
      }
    };
  }

  private JsonNode resources() {
    ArrayNode out = Json.mapper().createArrayNode();
    vms.forEach((number, vm) -> {
      ObjectNode row = GUEST.deepCopy();
      describe(row, number, vm);
      row.put("id", "qemu/" + number).put("node", vm.node);
      out.add(row);
    });
    for (String node : List.of("pve1", "pve2")) {
      out.add(NODE.deepCopy().put("id", "node/" + node).put("node", node));
      storage(out, node, "local", contents);
      storage(out, node, "local-lvm", "images,rootdir");
      if (second) {
        storage(out, node, "slow-lvm", "images");
      }
    }
    return out;
  }

  private static void storage(ArrayNode out, String node, String name, String contents) {
    out.add(
        STORAGE
            .deepCopy()
            .put("id", "storage/" + node + "/" + name)
            .put("node", node)
            .put("storage", name)
            .put("content", contents));
  }

  private static void describe(ObjectNode row, int number, Vm vm) {
    row.put("vmid", number);
    row.put("name", vm.config.getOrDefault("name", "VM " + number));
    row.put("status", vm.status);
    Map<String, String> config = vm.config;
    long memory = Long.parseLong(config.getOrDefault("memory", "512"));
    row.put("maxmem", memory << 20);
    row.put(
        row.has("cpus") ? "cpus" : "maxcpu", Integer.parseInt(config.getOrDefault("cores", "1")));
    if (config.containsKey("tags")) {
      row.put("tags", config.get("tags"));
    } else {
      row.remove("tags");
    }
    if (!vm.lock.isEmpty()) {
      row.put("lock", vm.lock);
    }
    if (row.has("qmpstatus")) {
      row.put("qmpstatus", vm.status.equals("running") ? vm.qmp : "stopped");
    }
  }

  private String task(String type, String id, String node, Runnable effect) {
    String upid =
        String.format(
            "UPID:%s:%08X:%08X:%08X:%s:%s:%s:", node, 4711, ++count, 1710000000, type, id, TOKEN);
    Task task = new Task(type, id, node);
    task.effect = effect;
    tasks.put(upid, task);
    if (!held.contains(type)) {
      end(task);
    }
    return upid;
  }

  private static JsonNode text(String text) {
    return Json.mapper().getNodeFactory().stringNode(text);
  }

  private static JsonNode nothing() {
    return Json.mapper().nullNode();
  }

  private JsonNode tasks(Request r) {
    if (r.path().size() == 3) {
      ArrayNode out = Json.mapper().createArrayNode();
      tasks.forEach((upid, task) -> {
        if (task.exit.isEmpty()
            && task.node.equals(r.at(1))
            && task.type.equals(r.values().getOrDefault("typefilter", task.type))
            && task.id.equals(r.values().getOrDefault("vmid", task.id))) {
          out.add(
              ACTIVE
                  .deepCopy()
                  .put("upid", upid)
                  .put("node", task.node)
                  .put("type", task.type)
                  .put("id", task.id));
        }
      });
      return out;
    }
    Task task = tasks.get(r.at(3));
    if (task == null || !r.at(4).equals("status")) {
      throw new Refusal(400, "Parameter verification failed.\n");
    }
    ObjectNode out = TASK.deepCopy();
    out.put("upid", r.at(3)).put("type", task.type).put("id", task.id).put("node", task.node);
    if (task.exit.isEmpty()) {
      out.put("status", "running");
      out.remove("exitstatus");
    } else {
      out.put("status", "stopped").put("exitstatus", task.exit);
    }
    return out;
  }

  // ---------------------------------------------------------------------------------- storages

  private JsonNode storage(Request r) {
    String storage = r.at(3);
    if (!List.of("local", "local-lvm", "slow-lvm").contains(storage)) {
      throw new Refusal(500, "storage '" + storage + "' does not exist\n");
    }
    if (r.at(4).equals("upload") && r.method().equals("POST")) {
      return text(upload(r));
    }
    if (!r.at(4).equals("content")) {
      throw new Refusal(501, "Method not implemented\n");
    }
    if (r.method().equals("DELETE")) {
      String id = r.at(5);
      if (volumes.remove(id) == null) {
        throw new Refusal(500, "volume '" + id + "' does not exist\n");
      }
      return text(task("imgdel", storage, r.at(1), () -> {}));
    }
    ArrayNode out = Json.mapper().createArrayNode();
    for (Volume v : volumes.values()) {
      if (v.id().startsWith(storage + ":")
          && v.content().equals(r.values().getOrDefault("content", v.content()))) {
        ObjectNode row =
            CONTENT
                .deepCopy()
                .put("volid", v.id())
                .put("content", v.content())
                .put("format", v.format())
                .put("size", v.size());
        if (v.owner() > 0) {
          row.put("vmid", v.owner());
        } else {
          row.remove("vmid");
        }
        out.add(row);
      }
    }
    return out;
  }

  private String upload(Request r) {
    String content = r.values().getOrDefault("content", "");
    String name = r.values().getOrDefault("filename", "");
    if (!Arrays.asList(contents.split(",")).contains(content)) {
      throw new Refusal(500, "storage 'local' does not support '" + content + "' content\n");
    }
    if (!name.matches(content.equals("iso") ? "[^/]+\\.iso" : "[-A-Za-z0-9.+=_]+\\.(qcow2|raw)")) {
      throw new Refusal(400, "Parameter verification failed.\n");
    }
    byte[] file = r.file();
    return task(
        "imgcopy",
        "",
        r.at(1),
        () -> {
          String wanted = r.values().get("checksum");
          if (wanted != null) {
            String got = sha256(file);
            if (!got.equals(wanted)) {
              throw new Refusal(
                  500, "checksum mismatch: got '" + got + "' != expect '" + wanted + "'");
            }
          }
          file(content, name, file.length);
        });
  }

  private static String sha256(byte[] bytes) {
    try {
      return java.util.HexFormat.of()
          .formatHex(java.security.MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  // ---------------------------------------------------------------------------------- machines

  private Vm vm(int number) {
    Vm vm = vms.get(number);
    if (vm == null) {
      throw new Refusal(
          500, "Configuration file 'nodes/pve1/qemu-server/" + number + ".conf' does not exist\n");
    }
    return vm;
  }

  private JsonNode qemu(Request r) {
    if (r.path().size() == 3 && r.method().equals("GET")) {
      ArrayNode out = Json.mapper().createArrayNode();
      vms.forEach((number, vm) -> {
        if (vm.node.equals(r.at(1))) {
          ObjectNode row = LISTED.deepCopy();
          describe(row, number, vm);
          out.add(row);
        }
      });
      return out;
    }
    if (r.path().size() == 3 && r.method().equals("POST")) {
      return text(create(r));
    }
    int number = r.number();
    Vm vm = vm(number);
    if (!vm.node.equals(r.at(1))) {
      throw new Refusal(
          500,
          "Configuration file 'nodes/"
              + r.at(1)
              + "/qemu-server/"
              + number
              + ".conf' does not exist\n");
    }
    String what = r.method() + " " + String.join("/", r.path().subList(4, r.path().size()));
    return switch (what) {
      case "GET config" -> {
        ObjectNode out = Json.mapper().createObjectNode();
        String snapshot = r.values().get("snapshot");
        if (snapshot != null) {
          if (!vm.snapshots.containsKey(snapshot)) {
            throw new Refusal(500, "snapshot '" + snapshot + "' does not exist\n");
          }
          vm.snapshots.get(snapshot).forEach(out::put);
          yield out;
        }
        // With what waits for the next start, unless it is asked for without.
        boolean current = "1".equals(r.values().get("current"));
        (current ? vm.config : vm.next()).forEach(out::put);
        yield out.put("digest", digest(vm));
      }
      case "GET snapshot" -> {
        ArrayNode out = Json.mapper().createArrayNode();
        vm.snapshots
            .keySet()
            .forEach(name ->
                out.add(
                    Json.mapper()
                        .createObjectNode()
                        .put("name", name)
                        .put("description", "")
                        .put("snaptime", 1710000000)));
        out.add(
            Json.mapper()
                .createObjectNode()
                .put("name", "current")
                .put("description", "You are here!")
                .put("digest", digest(vm))
                .put("running", vm.status.equals("running") ? 1 : 0));
        yield out;
      }
      case "PUT config", "POST config" -> {
        locked(number, vm);
        configure(number, vm, new LinkedHashMap<>(r.values()));
        yield what.startsWith("PUT")
            ? nothing()
            : text(task("qmconfig", r.at(3), r.at(1), () -> {}));
      }
      case "GET status/current" -> {
        ObjectNode out = CURRENT.deepCopy();
        describe(out, number, vm);
        yield out;
      }
      case "PUT resize" -> text(task("resize", r.at(3), r.at(1), () -> resize(number, vm, r)));
      case "POST agent/exec" -> {
        talking(number, vm);
        String command = r.values().getOrDefault("command", "");
        if (command.startsWith("/none")) {
          throw new Refusal(
              500,
              "Agent error: Failed to execute child process “/none” (No such file or directory)\n");
        }
        vm.commands.add(command);
        yield Json.mapper().createObjectNode().put("pid", 100 + vm.commands.size());
      }
      case "GET agent/exec-status" -> {
        talking(number, vm);
        int at = Integer.parseInt(r.values().getOrDefault("pid", "0")) - 101;
        if (at < 0 || at >= vm.commands.size() || vm.commands.get(at).isEmpty()) {
          throw new Refusal(500, "Agent error: Invalid parameter 'pid'\n");
        }
        ObjectNode out = Json.mapper().createObjectNode();
        if (vm.asked.add(at)) {
          yield out.put("exited", 0);
        }
        yield out.put("exited", 1)
            .put("exitcode", 0)
            .put("out-data", vm.commands.set(at, "") + "\n");
      }
      case "GET agent/network-get-interfaces" -> {
        talking(number, vm);
        yield recorded("agent-interfaces").path("data");
      }
      case "DELETE " -> text(destroy(number, vm, r));
      default -> {
        if (what.startsWith("POST status/")) {
          yield text(power(number, vm, r.at(5), r));
        }
        throw new Refusal(501, "Method '" + what + "' not implemented\n");
      }
    };
  }

  private static void talking(int number, Vm vm) {
    if (!vm.status.equals("running")) {
      throw new Refusal(500, "VM " + number + " is not running\n");
    }
    if (!vm.config.getOrDefault("agent", "0").startsWith("1")) {
      throw new Refusal(500, "No QEMU guest agent configured\n");
    }
    if (!vm.config.getOrDefault("name", "").contains("talks")) {
      throw new Refusal(500, "QEMU guest agent is not running\n");
    }
  }

  private static void locked(int number, Vm vm) {
    if (!vm.lock.isEmpty()) {
      throw new Refusal(500, "VM " + number + " is locked (" + vm.lock + ")\n");
    }
  }

  private static String digest(Vm vm) {
    return sha256((vm.config + "" + vm.pending + vm.deleted).getBytes(StandardCharsets.UTF_8))
        .substring(0, 40);
  }

  private static final Pattern KNOWN =
      Pattern.compile(
          "name|description|cores|sockets|cpu|memory|bios|smbios1|agent|hotplug|scsihw|boot|tags|ostype"
              + "|serial0|vga|onboot|protection|efidisk0|ide[02]|scsi[0-9]+|sata[0-5]|net[0-9]+|unused[0-9]+");

  private static final Pattern NEW = Pattern.compile("([a-z-]+):([0-9]+(?:\\.[0-9]+)?)((?:,.*)?)");

  private String create(Request r) {
    Map<String, String> values = new LinkedHashMap<>(r.values());
    int number = Integer.parseInt(Objects.requireNonNull(values.remove("vmid")));
    values.remove("pool");
    check(values);
    if (vms.containsKey(number)) {
      throw new Refusal(
          500,
          "unable to create VM " + number + " - VM " + number + " already exists on node 'pve1'\n");
    }
    Vm vm = new Vm(r.at(1));
    vm.lock = "create";
    vms.put(number, vm);
    return task(
        "qmcreate",
        Integer.toString(number),
        r.at(1),
        () -> {
          try {
            apply(number, vm, values);
            vm.settle();
            vm.lock = "";
          } catch (Refusal e) {
            vms.remove(number);
            throw e;
          }
        });
  }

  private static void check(Map<String, String> values) {
    values
        .keySet()
        .forEach(key -> {
          if (!KNOWN.matcher(key).matches()) {
            throw new Refusal(400, key + ": property is not defined in schema");
          }
        });
    if (values.containsKey("name") && !values.get("name").matches("[A-Za-z0-9][A-Za-z0-9.-]*")) {
      throw new Refusal(400, "name: value does not look like a valid DNS name");
    }
    for (String tag : values.getOrDefault("tags", "a").split(";")) {
      if (!tag.matches("[a-z0-9_][a-z0-9_+.-]*")) {
        throw new Refusal(400, "tags: invalid format");
      }
    }
  }

  private void configure(int number, Vm vm, Map<String, String> values) {
    String digest = values.remove("digest");
    if (digest != null && !digest.equals(digest(vm))) {
      throw new Refusal(
          500, "detected modified configuration - file change by other user? Try again.\n");
    }
    String gone = values.remove("delete");
    check(values);
    for (String name : gone == null ? List.<String>of() : List.of(gone.split(","))) {
      if (name.matches("(scsi|sata)[0-9]+")
          && vm.config.getOrDefault("protection", "0").equals("1")) {
        throw new Refusal(500, "can't remove drive '" + name + "' - protection mode enabled\n");
      }
      vm.pending.remove(name);
      if (name.equals("tags")) {
        vm.config.remove(name); // never made to wait, as when they are set
      } else {
        vm.deleted.add(name);
      }
    }
    apply(number, vm, values);
    if (vm.status.equals("running")) {
      // These are never made to wait; all others are, for nothing is plugged in while it runs.
      for (String now :
          List.of("name", "description", "tags", "protection", "hotplug", "ide0", "ide2")) {
        if (vm.pending.containsKey(now)) {
          vm.config.put(now, Objects.requireNonNull(vm.pending.remove(now)));
        }
      }
    } else {
      Map<String, String> before = new TreeMap<>(vm.config);
      vm.settle();
      before.forEach((name, value) -> {
        String volume = value.split(",")[0];
        if (name.matches("(scsi|sata|efidisk)[0-9]+")
            && owner(volume) == number
            && !vm.config.values().stream().anyMatch(v -> v.split(",")[0].equals(volume))) {
          int n = 0;
          while (vm.config.containsKey("unused" + n)) {
            n++;
          }
          vm.config.put("unused" + n, volume);
        }
      });
    }
  }

  private int owner(String volume) {
    Volume v = volumes.get(volume);
    return v == null ? 0 : v.owner();
  }

  private void apply(int number, Vm vm, Map<String, String> values) {
    values.forEach((name, given) -> {
      String value = given;
      if (name.matches("(scsi|sata|efidisk)[0-9]+")) {
        value = disk(number, vm.node, value);
      } else if (name.matches("ide[02]") && !value.startsWith("none")) {
        if (!volumes.containsKey(value.split(",")[0])) {
          throw new Refusal(500, "volume '" + value.split(",")[0] + "' does not exist\n");
        }
        value = value + ",size=1M";
      } else if (name.equals("tags")) {
        value = String.join(";", new TreeSet<>(List.of(value.split(";"))));
      } else if (name.equals("description")) {
        value = value + "\n";
      }
      vm.deleted.remove(name);
      vm.pending.put(name, value);
    });
  }

  private String disk(int number, String node, String value) {
    Matcher m = NEW.matcher(value);
    if (!m.matches()) {
      Volume there = volumes.get(value.split(",")[0]);
      if (there == null) {
        throw new Refusal(500, "no such logical volume " + value.split(",")[0] + "\n");
      }
      return value + ",size=" + (there.size() >> 20) + "M";
    }
    long size = new BigDecimal(m.group(2)).multiply(BigDecimal.valueOf(1L << 30)).longValueExact();
    String rest = m.group(3);
    Matcher from = Pattern.compile(",import-from=([^,]+)").matcher(rest);
    if (from.find()) {
      String source = from.group(1);
      Volume image = volumes.get(source);
      Matcher mib = Pattern.compile("-([0-9]+)m\\.[0-9]+\\.").matcher(source);
      if (image == null || !image.content().equals("import") || !mib.find()) {
        throw new Refusal(500, "volume '" + source + "' does not exist\n");
      }
      size = Long.parseLong(mib.group(1)) << 20;
      rest = rest.replace(from.group(), "");
    }
    int n = 0;
    while (volumes.containsKey(m.group(1) + ":vm-" + number + "-disk-" + n)) {
      n++;
    }
    String id = m.group(1) + ":vm-" + number + "-disk-" + n;
    volumes.put(id, new Volume(id, "images", "raw", size, number));
    return id + rest + ",size=" + (size >> 20) + "M";
  }

  private void resize(int number, Vm vm, Request r) {
    locked(number, vm);
    String drive = vm.config.get(r.values().getOrDefault("disk", ""));
    if (drive == null) {
      throw new Refusal(500, "disk '" + r.values().get("disk") + "' does not exist\n");
    }
    Volume there = Objects.requireNonNull(volumes.get(drive.split(",")[0]));
    long size = Long.parseLong(r.values().getOrDefault("size", "").replace("M", "")) << 20;
    if (size < there.size()) {
      throw new Refusal(500, "shrinking disks is not supported\n");
    }
    volumes.put(
        there.id(), new Volume(there.id(), there.content(), there.format(), size, there.owner()));
  }

  private String destroy(int number, Vm vm, Request r) {
    locked(number, vm);
    if (vm.config.getOrDefault("protection", "0").equals("1")) {
      throw new Refusal(500, "can't remove VM " + number + " - protection mode enabled\n");
    }
    if (vm.status.equals("running")) {
      throw new Refusal(500, "VM " + number + " is running - destroy failed\n");
    }
    return task(
        "qmdestroy",
        Integer.toString(number),
        r.at(1),
        () -> {
          boolean all = !r.values().getOrDefault("destroy-unreferenced-disks", "0").equals("0");
          for (Volume v : List.copyOf(volumes.values())) {
            if (v.owner() == number
                && (all
                    || vm.config.values().stream()
                        .anyMatch(value -> value.split(",")[0].equals(v.id())))) {
              volumes.remove(v.id());
            }
          }
          vms.remove(number);
        });
  }

  private String power(int number, Vm vm, String verb, Request r) {
    return switch (verb) {
      case "start" ->
          task(
              "qmstart",
              Integer.toString(number),
              r.at(1),
              () -> {
                locked(number, vm);
                if (vm.status.equals("running")) {
                  throw new Refusal(500, "VM " + number + " already running");
                }
                vm.settle();
                vm.status = "running";
                vm.qmp = "running";
              });
      case "stop" -> {
        for (Task task : new ArrayList<>(tasks.values())) {
          if (task.exit.isEmpty()
              && task.type.equals("qmshutdown")
              && task.id.equals(Integer.toString(number))) {
            if (!r.values().containsKey("overrule-shutdown")) {
              throw new Refusal(
                  500,
                  "can't lock file '/var/lock/qemu-server/lock-" + number + ".conf' - got timeout");
            }
            task.exit = "unexpected status";
          }
        }
        yield task(
            "qmstop",
            Integer.toString(number),
            r.at(1),
            () -> {
              vm.status = "stopped";
              vm.settle();
            });
      }
      case "shutdown" ->
          task(
              "qmshutdown",
              Integer.toString(number),
              r.at(1),
              () -> {
                vm.status = "stopped";
                vm.settle();
              });
      case "reset" -> task("qmreset", Integer.toString(number), r.at(1), () -> {});
      case "resume" ->
          task("qmresume", Integer.toString(number), r.at(1), () -> vm.qmp = "running");
      default -> throw new Refusal(501, "Method 'POST " + verb + "' not implemented\n");
    };
  }
}
