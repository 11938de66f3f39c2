package io.millwright.driver.vsphere;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.millwright.driver.testkit.ServerKeys;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import javax.xml.stream.XMLStreamException;

/**
 * A vCenter that answers what a test tells it to, over real TLS: for what the simulator does not
 * do, such as saying no. What a test says nothing about is answered as by a small healthy vCenter.
 */
final class FakeVcenter implements AutoCloseable {
  /** Where an answer breaks off. */
  static final String BREAK = "<break/>";

  private final HttpsServer server;
  private final ServerKeys keys;
  private final Map<String, Function<Element, String>> answers = new ConcurrentHashMap<>();

  /** What it says that it is: its {@code about.apiVersion}. */
  volatile String version = "7.0.3.0";

  /** And its {@code about.apiType}. */
  volatile String apiType = "VirtualCenter";

  /** What is not told of an object of which others are listed, and why. */
  final Map<Ref, String> untold = new ConcurrentHashMap<>();

  /** The names of the methods that were called, in order. */
  final List<String> calls = new CopyOnWriteArrayList<>();

  FakeVcenter() {
    this(ServerKeys.of(List.of()));
  }

  private FakeVcenter(ServerKeys keys) {
    this.keys = keys;
    try {
      server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setHttpsConfigurator(new HttpsConfigurator(keys.context()));
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/sdk", this::answer);
    server.start();
    healthy();
  }

  /** One with another certificate than all others. */
  static FakeVcenter other() {
    return new FakeVcenter(ServerKeys.of(List.of("-validity", "91")));
  }

  /** One whose certificate is of the past. */
  static FakeVcenter expired() {
    return new FakeVcenter(ServerKeys.expired());
  }

  @Override
  public void close() {
    server.stop(0);
  }

  // ------------------------------------------------------------------------------------ settings

  /** With its own certificate as the authority. */
  Map<String, String> settings() {
    Map<String, String> out =
        new HashMap<>(
            Map.of(
                "url",
                "https://127.0.0.1:" + server.getAddress().getPort(),
                "user",
                "millwright",
                "password",
                "s3cret-of-the-test"));
    out.put("ca", pem());
    return out;
  }

  /** With this thumbprint in place of an authority. */
  Map<String, String> pinned(String thumbprint) {
    Map<String, String> out = settings();
    out.remove("ca");
    out.put("thumbprint", thumbprint);
    return out;
  }

  String pem() {
    return keys.pem();
  }

  String thumbprint(String algorithm) {
    return keys.fingerprint(algorithm);
  }

  // ------------------------------------------------------------------------------------- answers

  /** Has a method answered so from now on: with a result, or with {@link #fault}. */
  void answer(String method, Function<Element, String> answer) {
    answers.put(method, answer);
  }

  /** Has every file that is brought to a datastore answered with this status. */
  void files(int... statuses) {
    AtomicInteger asked = new AtomicInteger();
    server.createContext(
        "/folder",
        exchange -> {
          try (exchange) {
            exchange.getRequestBody().readAllBytes();
            int now = Math.min(asked.getAndIncrement(), statuses.length - 1);
            exchange.sendResponseHeaders(statuses[now], -1);
          }
        });
  }

  /** Has files of a datastore taken and not answered, as after a connection was dropped. */
  AtomicInteger stuck(CountDownLatch until) {
    AtomicInteger asked = new AtomicInteger();
    server.createContext(
        "/folder",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          asked.incrementAndGet();
          try {
            until.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    return asked;
  }

  /**
   * Has every file that is read from a datastore be these bytes, without a word of their number.
   */
  void content(byte[] bytes) {
    server.createContext(
        "/folder",
        exchange -> {
          try (exchange) {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(bytes);
          }
        });
  }

  /** What a method is answered with now. */
  Function<Element, String> answerTo(String method) {
    return java.util.Objects.requireNonNull(answers.get(method));
  }

  static String fault(String type, String words, String detail) {
    return "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>"
        + words
        + "</faultstring><detail><"
        + type
        + "Fault xmlns=\"urn:vim25\" xsi:type=\""
        + type
        + "\">"
        + detail
        + "</"
        + type
        + "Fault></detail></soapenv:Fault>";
  }

  static String ref(String name, String type, String value) {
    return "<" + name + " type=\"" + type + "\">" + value + "</" + name + ">";
  }

  /** What is asked of the property collector: the object that it begins with. */
  static Ref asked(Element call) {
    return call.find("specSet", "objectSet", "obj").map(Element::ref).orElseThrow();
  }

  static String object(Ref ref, String properties) {
    return "<objects>" + ref("obj", ref.type(), ref.value()) + properties + "</objects>";
  }

  static String property(String name, String type, String value) {
    return "<propSet><name>"
        + name
        + "</name><val xsi:type=\""
        + type
        + "\">"
        + value
        + "</val></propSet>";
  }

  static String reference(String name, Ref to) {
    return "<propSet><name>"
        + name
        + "</name><val xsi:type=\"ManagedObjectReference\" type=\""
        + to.type()
        + "\">"
        + to.value()
        + "</val></propSet>";
  }

  private final Map<Ref, String> objects = new ConcurrentHashMap<>();
  private final List<Ref> inventory = new CopyOnWriteArrayList<>();

  /** Has an object with these properties, and lists it if it has a parent. */
  void object(String type, String value, String properties) {
    Ref ref = new Ref(type, value);
    objects.put(ref, properties);
    if (properties.contains("<name>parent</name>") && !inventory.contains(ref)) {
      inventory.add(ref);
    }
  }

  /**
   * What the task {@code task-search} has found in the datastore.
   *
   * @param files elements of their list
   */
  void searched(CharSequence files) {
    object(
        "Task",
        "task-search",
        property(
            "info",
            "TaskInfo",
            "<state>success</state><result xsi:type=\"HostDatastoreBrowserSearchResults\">"
                + files
                + "</result>"));
  }

  static String named(String name, Ref parent) {
    return property("name", "xsd:string", name) + reference("parent", parent);
  }

  private void healthy() {
    answer(
        "RetrieveServiceContent",
        c ->
            "<returnval>"
                + ref("rootFolder", "Folder", "group-d1")
                + ref("propertyCollector", "PropertyCollector", "propertyCollector")
                + ref("viewManager", "ViewManager", "ViewManager")
                + "<about><fullName>Fake</fullName><apiType>"
                + apiType
                + "</apiType><apiVersion>"
                + version
                + "</apiVersion></about>"
                + ref("sessionManager", "SessionManager", "SessionManager")
                + ref("virtualDiskManager", "VirtualDiskManager", "disks")
                + ref("searchIndex", "SearchIndex", "SearchIndex")
                + ref("fileManager", "FileManager", "FileManager")
                + "</returnval>");
    answer("Login", c -> "<returnval><key>1</key></returnval>");
    answer("Logout", c -> "");
    answer(
        "CreateContainerView",
        c ->
            "<returnval type=\"ContainerView\">view-"
                + c.find("type").map(Element::text).orElse("")
                + "</returnval>");
    answer("FindByUuid", c -> "");
    answer("FindChild", c -> "");
    answer("MakeDirectory", c -> "");
    // There are no files but those that a test has put there.
    for (String delete : List.of("DeleteDatastoreFile_Task", "DeleteVirtualDisk_Task")) {
      answer(delete, c -> "<returnval type=\"Task\">task-no-file</returnval>");
    }
    object(
        "Task",
        "task-no-file",
        property(
            "info",
            "TaskInfo",
            "<state>error</state><error><fault xsi:type=\"FileNotFound\"></fault></error>"));
    answer("SearchDatastore_Task", c -> "<returnval type=\"Task\">task-search</returnval>");
    object(
        "Task",
        "task-search",
        "<propSet><name>info</name><val xsi:type=\"TaskInfo\"><state>success</state>"
            + "<result xsi:type=\"HostDatastoreBrowserSearchResults\"></result></val></propSet>");
    Ref root = new Ref("Folder", "group-d1");
    Ref datacenter = new Ref("Datacenter", "dc-1");
    Ref folder = new Ref("Folder", "group-v1");
    objects.put(root, property("name", "xsd:string", "Datacenters"));
    object("Datacenter", "dc-1", named("dc", root) + reference("vmFolder", folder));
    object("Folder", "group-v1", named("vm", datacenter));
    object("Folder", "group-h1", named("host", datacenter));
    object("Folder", "group-s1", named("datastore", datacenter));
    object("Folder", "group-n1", named("network", datacenter));
    object(
        "ClusterComputeResource",
        "cluster-1",
        named("cluster", new Ref("Folder", "group-h1"))
            + reference("resourcePool", new Ref("ResourcePool", "pool-1"))
            + property(
                "host",
                "ArrayOfManagedObjectReference",
                ref("ManagedObjectReference", "HostSystem", "host-1")
                    + ref("ManagedObjectReference", "HostSystem", "host-2"))
            + property(
                "summary",
                "ClusterComputeResourceSummary",
                "<totalMemory>17179869184</totalMemory><numCpuThreads>8</numCpuThreads>"));
    object(
        "Datastore",
        "ds-1",
        named("store", new Ref("Folder", "group-s1"))
            + reference("browser", new Ref("HostDatastoreBrowser", "browser-1"))
            + property("summary.freeSpace", "xsd:long", "107374182400"));
    object("Network", "net-1", named("lan", new Ref("Folder", "group-n1")));
    answer("RetrievePropertiesEx", this::retrieve);
  }

  /** The object that a list begins with, if it is asked about itself as well. */
  private String root(Element call) {
    Element begin = call.find("specSet", "objectSet").orElseThrow();
    Ref root = asked(call);
    if (begin.find("selectSet").isEmpty() || begin.text("skip").equals("true")) {
      return "";
    }
    String fault = untold.get(root);
    return object(
        root,
        fault == null
            ? ""
            : "<missingSet><path>any</path><fault><fault xsi:type=\""
                + fault
                + "\"></fault></fault></missingSet>");
  }

  private String retrieve(Element call) {
    Ref asked = asked(call);
    if (asked.type().equals("ContainerView") && !asked.value().endsWith("VirtualMachine")) {
      StringBuilder out = new StringBuilder("<returnval>");
      inventory.forEach(ref -> out.append(object(ref, objects.getOrDefault(ref, ""))));
      return out.append("</returnval>").toString();
    }
    String properties = objects.get(asked);
    if (properties != null && asked.type().equals("Task")) {
      properties = parts(properties);
    }
    return properties == null ? "" : "<returnval>" + object(asked, properties) + "</returnval>";
  }

  /** What a task's info is made of, as properties of their own. */
  private static String parts(String info) {
    try {
      StringBuilder out = new StringBuilder();
      String document =
          "<task xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\""
              + " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
              + info
              + "</task>";
      Element whole =
          Element.read(document.getBytes(StandardCharsets.UTF_8))
              .find("propSet", "val")
              .orElseThrow();
      for (Element part : whole.children()) {
        Element value = part.named("val");
        if (part.type().isEmpty()) {
          value.type("string");
        }
        new Element("propSet").add("name", "info." + part.name()).add(value).write(out);
      }
      return out.toString();
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Those that it knows, as its {@code vimServiceVersions.xml} would list them. */
  private List<String> protocols() {
    return version.startsWith("6.")
        ? List.of("urn:vim25/6.5", "urn:vim25/" + version)
        : List.of("urn:vim25/6.5", "urn:vim25/7.0.0.0", "urn:vim25/" + version);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      Element call =
          Element.read(exchange.getRequestBody().readAllBytes())
              .find("Body")
              .orElseThrow()
              .children()
              .getFirst();
      calls.add(call.name());
      Function<Element, String> known = answers.get(call.name());
      String protocol = exchange.getRequestHeaders().getFirst("SOAPAction");
      String answer =
          !protocols().contains(protocol)
              ? fault("VersionMismatch", "Unsupported version URI \"" + protocol + "\"", "")
              : known == null ? fault("MethodNotFound", call.name(), "") : known.apply(call);
      if (call.name().equals("RetrievePropertiesEx") && answer.startsWith("<returnval>")) {
        answer = "<returnval>" + root(call) + answer.substring("<returnval>".length());
      } else if (call.name().equals("RetrievePropertiesEx") && answer.isEmpty()) {
        answer = "<returnval>" + root(call) + "</returnval>";
      }
      if (protocol.equals("urn:vim25/6.5")) {
        // A server leaves out what there was not in the version that it is asked in.
        answer = answer.replaceAll("<mappings>.*?</mappings>", "");
      }
      boolean failed = answer.startsWith("<soapenv:Fault");
      String body =
          "<?xml version=\"1.0\"?><soapenv:Envelope"
              + " xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\""
              + " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\""
              + " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>"
              + (failed
                  ? answer
                  : "<"
                      + call.name()
                      + "Response xmlns=\"urn:vim25\">"
                      + answer
                      + "</"
                      + call.name()
                      + "Response>")
              + "</soapenv:Body></soapenv:Envelope>";
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      if (body.contains(BREAK)) {
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes, 0, body.indexOf(BREAK));
        return;
      }
      exchange.getResponseHeaders().add("Set-Cookie", "vmware_soap_session=\"abc\"; Path=/");
      exchange.sendResponseHeaders(failed ? 500 : 200, bytes.length);
      exchange.getResponseBody().write(bytes);
    } catch (XMLStreamException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }
}
