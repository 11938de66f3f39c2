package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Mac;
import io.millwright.model.ProblemException;
import io.millwright.model.ProfileSpec;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Whatever is put in comes out again, and nothing else does. */
class CloudInitPropertyTest {
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final JsonMapper JSON = new JsonMapper();
  private static final CloudInit RENDERER = CloudInit.ofClone("debian");

  @Provide
  Arbitrary<InstallSpec> spec() {
    return Hostile.spec();
  }

  @Provide
  Arbitrary<String> text() {
    return Hostile.text();
  }

  @Provide
  Arbitrary<Map<String, String>> map() {
    return Arbitraries.maps(Hostile.text(), Hostile.text()).ofMaxSize(5);
  }

  @Property
  void userDataSaysWhatTheProfileSays(@ForAll("spec") InstallSpec spec) {
    ProfileSpec profile = spec.profile();
    JsonNode data = YAML.readTree(RENDERER.render(spec).userData());
    Set<String> keys =
        new LinkedHashSet<>(
            List.of(
                "hostname",
                "fqdn",
                "prefer_fqdn_over_hostname",
                "manage_etc_hosts",
                "users",
                "disable_root",
                "write_files",
                "bootcmd"));
    if (profile.users().stream().anyMatch(u -> u.passwordHash() != null)) {
      keys.add("ssh_pwauth");
    }
    if (profile.timezone() != null) {
      keys.add("timezone");
      assertThat(data.get("timezone").asString()).isEqualTo(profile.timezone());
    }
    if (profile.locale() != null) {
      keys.add("locale");
      assertThat(data.get("locale").asString()).isEqualTo(profile.locale());
    }
    if (!profile.ntp().isEmpty()) {
      keys.add("ntp");
      assertThat(texts(data.at("/ntp/servers"))).isEqualTo(profile.ntp());
    }
    if (!profile.packages().isEmpty()) {
      keys.addAll(List.of("package_update", "packages"));
      assertThat(texts(data.get("packages"))).isEqualTo(profile.packages());
    }
    List<String> setUid =
        profile.files().stream()
            .filter(f -> f.mode().equals("4755"))
            .map(ProfileSpec.File::path)
            .toList();
    if (!setUid.isEmpty()) {
      keys.add("runcmd");
      assertThat(data.get("runcmd"))
          .extracting(command -> texts(command))
          .containsExactlyElementsOf(
              setUid.stream().map(path -> List.of("chmod", "4755", path)).toList());
    }
    assertThat(data.propertyNames()).containsExactlyInAnyOrderElementsOf(keys);
    assertThat(data.get("hostname").asString()).isEqualTo(spec.identity().hostname());
    assertThat(data.get("fqdn").asString()).isEqualTo(spec.identity().fqdn());
    assertThat(data.get("users").size()).isEqualTo(profile.users().size());
    for (int i = 0; i < profile.users().size(); i++) {
      user(data.get("users").get(i), profile.users().get(i));
    }
    files(data.get("write_files"), spec);
  }

  private static void user(JsonNode data, ProfileSpec.User user) {
    Set<String> keys = new LinkedHashSet<>(List.of("name", "shell", "lock_passwd"));
    assertThat(data.get("name").asString()).isEqualTo(user.name());
    assertThat(data.get("shell").asString()).isEqualTo(user.shell());
    assertThat(data.get("lock_passwd").asBoolean()).isEqualTo(user.passwordHash() == null);
    if (user.passwordHash() != null) {
      keys.add("hashed_passwd");
      assertThat(data.get("hashed_passwd").asString()).isEqualTo(user.passwordHash());
    }
    if (!user.name().equals("root")) {
      // The group of that name may be there already, and useradd makes none then.
      keys.addAll(List.of("groups", "primary_group"));
      assertThat(data.get("primary_group").asString()).isEqualTo(user.name());
      assertThat(texts(data.get("groups")))
          .containsAll(user.groups())
          .contains(user.name())
          .doesNotHaveDuplicates();
    } else if (!user.groups().isEmpty()) {
      keys.add("groups");
      assertThat(texts(data.get("groups"))).isEqualTo(user.groups());
    }
    if (!user.keys().isEmpty()) {
      keys.add("ssh_authorized_keys");
      assertThat(texts(data.get("ssh_authorized_keys"))).isEqualTo(user.keys());
    }
    if (user.sudo()) {
      keys.add("sudo");
    }
    assertThat(data.propertyNames()).containsExactlyInAnyOrderElementsOf(keys);
  }

  private static void files(JsonNode data, InstallSpec spec) {
    List<String> paths = new ArrayList<>();
    data.forEach(f -> paths.add(f.get("path").asString()));
    List<String> expected =
        new ArrayList<>(
            List.of(
                "/var/lib/millwright/first-boot/run",
                "/var/lib/millwright/first-boot/task.json",
                "/etc/ssh/sshd_config.d/20-millwright.conf",
                "/etc/cloud/cloud.cfg.d/99-millwright-once.cfg"));
    // Its seed is taken out once it is up; cloud-init has to go by what it read of it.
    assertThat(decoded(data.get(3))).isEqualTo("manual_cache_clean: true\n");
    String locale = spec.profile().locale();
    if (locale != null && locale.matches("(?!C[.]).*[.]UTF-8")) {
      expected.add("/etc/locale.gen");
      assertThat(decoded(data.get(4))).isEqualTo(locale + " UTF-8\n");
      assertThat(data.get(4).get("append").asBoolean()).isTrue();
    }
    int own = expected.size();
    spec.profile().files().forEach(f -> expected.add(f.path()));
    assertThat(paths).isEqualTo(expected);
    for (int i = 0; i < spec.profile().files().size(); i++) {
      ProfileSpec.File file = spec.profile().files().get(i);
      JsonNode written = data.get(own + i);
      assertThat(decoded(written)).isEqualTo(file.content());
      assertThat(written.get("permissions").asString()).isEqualTo(file.mode());
      assertThat(written.get("owner").asString()).isEqualTo(file.owner());
    }
    JsonNode scripts = JSON.readTree(decoded(data.get(1))).get("scripts");
    assertThat(scripts.size()).isEqualTo(spec.profile().scripts().size());
    for (int i = 0; i < scripts.size(); i++) {
      ProfileSpec.Script script = spec.profile().scripts().get(i);
      assertThat(scripts.get(i).get("name").asString()).isEqualTo(script.name());
      assertThat(scripts.get(i).get("content").asString()).isEqualTo(script.content());
    }
  }

  private static String decoded(JsonNode file) {
    assertThat(file.get("encoding").asString()).isEqualTo("b64");
    return new String(
        Base64.getDecoder().decode(file.get("content").asString()), StandardCharsets.UTF_8);
  }

  private static List<String> texts(JsonNode list) {
    List<String> out = new ArrayList<>();
    list.forEach(e -> {
      assertThat(e.isString()).isTrue();
      out.add(e.asString());
    });
    return out;
  }

  @Property
  void networkConfigSaysWhatTheInterfacesSay(@ForAll("spec") InstallSpec spec) {
    JsonNode data = YAML.readTree(RENDERER.render(spec).networkConfig());
    Map<Boolean, Integer> defaults = new HashMap<>();
    int seen = 0;
    for (NetInterface face : spec.interfaces()) {
      JsonNode device =
          switch (face) {
            case NetInterface.Ethernet card -> {
              JsonNode at = data.at("/ethernets/" + card.name());
              assertThat(at.at("/match/macaddress").asString())
                  .isEqualTo(String.valueOf(card.mac()));
              assertThat(at.at("/set-name").asString()).isEqualTo(card.name());
              yield at;
            }
            case NetInterface.Bond bond -> {
              JsonNode at = data.at("/bonds/" + bond.name());
              assertThat(texts(at.get("interfaces"))).isEqualTo(bond.members());
              yield at;
            }
            case NetInterface.Bridge bridge -> {
              JsonNode at = data.at("/bridges/" + bridge.name());
              assertThat(texts(at.get("interfaces"))).isEqualTo(bridge.members());
              yield at;
            }
            case NetInterface.Vlan vlan -> {
              JsonNode at = data.at("/vlans/" + vlan.name());
              assertThat(at.get("id").asInt()).isEqualTo(vlan.id());
              assertThat(at.get("link").asString()).isEqualTo(vlan.link());
              yield at;
            }
          };
      seen++;
      IpConfig ip = face.ip();
      assertThat(device.get("dhcp4").asBoolean()).isEqualTo(ip.dhcp4());
      assertThat(device.get("dhcp6").asBoolean()).isEqualTo(ip.dhcp6());
      assertThat(device.get("accept-ra").asBoolean()).isEqualTo(ip.slaac() || ip.dhcp6());
      assertThat(device.get("link-local").size()).isEqualTo(ip.has(true) ? 1 : 0);
      assertThat(device.has("addresses") ? texts(device.get("addresses")) : List.of())
          .isEqualTo(ip.addresses().stream().map(HostAddress::toString).toList());
      for (JsonNode route : device.path("routes")) {
        String to = route.get("to").asString();
        if (to.equals("0.0.0.0/0") || to.equals("::/0")) {
          defaults.merge(to.equals("::/0"), 1, Integer::sum);
        }
      }
      if (ip.dhcp4() && !device.has("dhcp4-overrides")) {
        defaults.merge(false, 1, Integer::sum);
      }
    }
    int named = 0;
    for (String kind : List.of("ethernets", "bonds", "bridges", "vlans")) {
      named += data.path(kind).size();
    }
    assertThat(named).isEqualTo(seen);
    assertThat(defaults.values()).allMatch(n -> n == 1);
    boolean v4 =
        spec.interfaces().stream().anyMatch(f -> f.ip().dhcp4() || f.ip().gateway4() != null);
    assertThat(defaults.containsKey(false)).isEqualTo(v4);
  }

  @Property
  void whatBreaksARuleIsNotRendered(@ForAll("text") String text) {
    if (!text.matches("[a-z_][-a-z0-9_]*")) {
      ProfileSpec.User user =
          new ProfileSpec.User(text, List.of(), null, false, "/bin/sh", List.of());
      assertThatThrownBy(() -> RENDERER.render(Samples.with(profile(user))))
          .isInstanceOf(ProblemException.class);
    }
    if (!text.matches("[a-z][-a-z0-9_]*")) {
      NetInterface card = new NetInterface.Ethernet(text, Mac.ofQemu(1), IpConfig.NONE);
      assertThatThrownBy(() -> RENDERER.render(Samples.net(card)))
          .isInstanceOf(ProblemException.class);
    }
  }

  private static ProfileSpec profile(ProfileSpec.User user) {
    return new ProfileSpec(List.of(user), List.of(), List.of(), List.of(), null, null, List.of());
  }

  @Property
  void yamlGivesBackAnyText(@ForAll("map") Map<String, String> map) {
    assertThat(YAML.readValue(Yaml.write(map), Map.class)).isEqualTo(map);
  }

  /** cloud-init reads YAML 1.1 by PyYAML, which takes other words for numbers and truth. */
  @Example
  void pyYamlReadsTheSame() throws Exception {
    Outside.needed(Path.of("/usr/lib/python3/dist-packages/yaml"));
    Map<String, Object> document = new LinkedHashMap<>();
    List<Map<String, String>> maps = map().list().ofSize(400).sample();
    for (int i = 0; i < maps.size(); i++) {
      document.put("m" + i, maps.get(i));
    }
    Path file = Files.createTempFile("hostile", ".yaml");
    try {
      Files.writeString(file, Yaml.write(document));
      String read =
          Outside.run(
              List.of(
                  "/usr/bin/python3",
                  "-c",
                  "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1],"
                      + " 'rb'))))",
                  file.toString()));
      assertThat(JSON.readValue(read, Map.class)).isEqualTo(document);
    } finally {
      Files.delete(file);
    }
  }
}
