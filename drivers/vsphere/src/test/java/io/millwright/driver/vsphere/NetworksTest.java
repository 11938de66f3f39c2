package io.millwright.driver.vsphere;

import static io.millwright.driver.vsphere.FakeVcenter.named;
import static io.millwright.driver.vsphere.FakeVcenter.property;
import static io.millwright.driver.vsphere.FakeVcenter.reference;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import io.millwright.driver.MachineDefinition;
import io.millwright.driver.Mark;
import io.millwright.driver.Outcome;
import io.millwright.model.ByteSize;
import io.millwright.model.Firmware;
import io.millwright.model.Mac;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What is declared of a network against what its port group and switch do. */
final class NetworksTest {
  private static final String INSTALLATION = "0a0b0c0d";

  /** Of which kind of switch the port group is. */
  enum Kind {
    STANDARD("lan") {
      @Override
      void has(FakeVcenter vcenter, long vlan, long mtu) {
        host(vcenter, "host-1", vlan, mtu);
        hosts(vcenter, "host-1");
      }

      @Override
      void hasTrunk(FakeVcenter vcenter) {
        has(vcenter, 4095, 1500);
      }

      @Override
      void assertPlugged(Element backing) {
        assertThat(backing.type()).isEqualTo("VirtualEthernetCardNetworkBackingInfo");
        assertThat(backing.text("deviceName")).isEqualTo("lan");
      }
    },

    DISTRIBUTED("far") {
      @Override
      void has(FakeVcenter vcenter, long vlan, long mtu) {
        has(
            vcenter,
            "<vlan xsi:type=\"VmwareDistributedVirtualSwitchVlanIdSpec\"><inherited>false"
                + "</inherited><vlanId>"
                + vlan
                + "</vlanId></vlan>",
            mtu);
      }

      @Override
      void hasTrunk(FakeVcenter vcenter) {
        has(
            vcenter,
            "<vlan xsi:type=\"VmwareDistributedVirtualSwitchTrunkVlanSpec\"><inherited>false"
                + "</inherited><vlanId><start>7</start><end>20</end></vlanId></vlan>",
            1500);
      }

      private void has(FakeVcenter vcenter, String vlan, long mtu) {
        Ref dvs = new Ref("VmwareDistributedVirtualSwitch", "dvs-1");
        vcenter.object(
            dvs.type(),
            dvs.value(),
            named("switch", NETWORKS)
                + property("uuid", "xsd:string", "50 1e")
                + property("config.maxMtu", "xsd:int", Long.toString(mtu)));
        vcenter.object(
            "DistributedVirtualPortgroup",
            "dvportgroup-1",
            named("far", NETWORKS)
                + property("key", "xsd:string", "dvportgroup-1")
                + reference("config.distributedVirtualSwitch", dvs)
                + property("config.defaultPortConfig", "VMwareDVSPortSetting", vlan));
      }

      @Override
      void assertPlugged(Element backing) {
        assertThat(backing.type())
            .isEqualTo("VirtualEthernetCardDistributedVirtualPortBackingInfo");
        assertThat(backing.text("port", "switchUuid")).isEqualTo("50 1e");
        assertThat(backing.text("port", "portgroupKey")).isEqualTo("dvportgroup-1");
      }
    };

    private static final Ref NETWORKS = new Ref("Folder", "group-n1");

    final String network;

    Kind(String network) {
      this.network = network;
    }

    /** Has the port group this VLAN, 0 being none, and its switch this MTU. */
    abstract void has(FakeVcenter vcenter, long vlan, long mtu);

    /** One that lets many VLANs through, among them 7, with their tags. */
    abstract void hasTrunk(FakeVcenter vcenter);

    abstract void assertPlugged(Element backing);

    /** Of the standard kind, on one host: beside another one on another switch. */
    static void host(FakeVcenter vcenter, String host, long vlan, long mtu) {
      vcenter.object(
          "HostSystem",
          host,
          property(
                  "config.network.portgroup",
                  "ArrayOfHostPortGroup",
                  portgroup("other", 99, "vSwitch0") + portgroup("lan", vlan, "vSwitch1"))
              + property(
                  "config.network.vswitch",
                  "ArrayOfHostVirtualSwitch",
                  vswitch("vSwitch0", 1280) + vswitch("vSwitch1", mtu)));
    }

    /** Who has the standard one. */
    static void hosts(FakeVcenter vcenter, String... hosts) {
      StringBuilder all = new StringBuilder();
      for (String host : hosts) {
        all.append(FakeVcenter.ref("ManagedObjectReference", "HostSystem", host));
      }
      vcenter.object(
          "Network",
          "net-1",
          named("lan", NETWORKS)
              + property("host", "ArrayOfManagedObjectReference", all.toString()));
    }

    private static String portgroup(String name, long vlan, String vswitch) {
      return "<HostPortGroup><spec><name>"
          + name
          + "</name><vlanId>"
          + vlan
          + "</vlanId><vswitchName>"
          + vswitch
          + "</vswitchName></spec></HostPortGroup>";
    }

    private static String vswitch(String name, long mtu) {
      return "<HostVirtualSwitch><name>"
          + name
          + "</name><mtu>"
          + mtu
          + "</mtu></HostVirtualSwitch>";
    }
  }

  private final FakeVcenter vcenter = new FakeVcenter();
  private final List<Element> created = new CopyOnWriteArrayList<>();
  private VsphereHypervisor driver;

  @BeforeEach
  void open() throws Exception {
    driver =
        new VsphereHypervisor(
            Settings.read(vcenter.settings()),
            INSTALLATION,
            InstantSource.system(),
            Duration.ofMillis(50));
    vcenter.answer(
        "CreateVM_Task",
        c -> {
          created.add(c);
          return "<returnval type=\"Task\">task-search</returnval>";
        });
  }

  @AfterEach
  void close() {
    driver.close();
    vcenter.close();
  }

  private Outcome define(Kind kind, @Nullable Integer vlan, @Nullable Integer mtu)
      throws DriverException {
    return driver
        .compute()
        .orElseThrow()
        .define(
            new MachineDefinition(
                new Mark(INSTALLATION, UUID.randomUUID(), 1),
                "web",
                1,
                ByteSize.ofMib(256),
                Firmware.BIOS,
                List.of(),
                List.of(new MachineDefinition.Nic(Mac.ofQemu(1), null, kind.network, vlan, mtu)),
                null));
  }

  private void plugged(Kind kind, @Nullable Integer vlan, @Nullable Integer mtu)
      throws DriverException {
    created.clear();
    assertThat(define(kind, vlan, mtu)).isEqualTo(Outcome.DONE);
    kind.assertPlugged(
        created
            .getFirst()
            .find("config")
            .orElseThrow()
            .all("deviceChange")
            .flatMap(change -> change.find("device").stream())
            .filter(device -> device.type().equals("VirtualVmxnet3"))
            .findFirst()
            .flatMap(card -> card.find("backing"))
            .orElseThrow());
  }

  /** Nothing is made then. */
  private void refused(Kind kind, @Nullable Integer vlan, @Nullable Integer mtu, String... words) {
    created.clear();
    assertThatThrownBy(() -> define(kind, vlan, mtu))
        .isInstanceOfSatisfying(
            DriverException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(FaultKind.REFUSED);
              assertThat(e.forUser()).contains('"' + kind.network + '"').contains(words);
              assertThat(e.forUser()).endsWith(".");
            });
    assertThat(created).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void thePortGroupMustHaveTheVlanThatIsDeclared(Kind kind) throws Exception {
    kind.has(vcenter, 7, 1500);
    plugged(kind, 7, null);
    refused(kind, 8, null, "has the VLAN 7", "VLAN 8 is declared");
    kind.has(vcenter, 0, 1500);
    refused(kind, 7, null, "has no VLAN", "VLAN 7 is declared");
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whereNoVlanIsDeclaredThePortGroupMayHaveAny(Kind kind) throws Exception {
    for (long there : List.of(0L, 7L)) {
      kind.has(vcenter, there, 1500);
      plugged(kind, null, null);
    }
    kind.hasTrunk(vcenter);
    plugged(kind, null, null);
  }

  /** The guest would have to tag its frames, which it was not told to. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void aTrunkIsNotTheVlanThatIsDeclaredEvenIfItLetsItThrough(Kind kind) {
    kind.hasTrunk(vcenter);
    refused(kind, 7, null, "is a trunk", "VLAN 7 is declared");
  }

  @ParameterizedTest
  @CsvSource({
    "STANDARD, 9000, 9000",
    "STANDARD, 9000, 8000",
    "STANDARD, 1500, 1500",
    "STANDARD, 1280, 1400",
    "DISTRIBUTED, 9000, 9000",
    "DISTRIBUTED, 9000, 8000",
    "DISTRIBUTED, 1500, 1500",
    "DISTRIBUTED, 1280, 1400"
  })
  void framesThatTheSwitchTakesAreGranted(Kind kind, long there, int declared) throws Exception {
    kind.has(vcenter, 7, there);
    plugged(kind, null, declared);
    plugged(kind, 7, declared);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void anMtuThatIsLargerThanTheSwitchsIsRefused(Kind kind) {
    kind.has(vcenter, 7, 1500);
    refused(kind, null, 9000, "takes frames of 1500 bytes", "MTU of 9000 is declared");
    refused(kind, 7, 1501, "takes frames of 1500 bytes");
    kind.has(vcenter, 0, 9000);
    refused(kind, null, 9001, "takes frames of 9000 bytes");
    // The VLAN is right, and so is the MTU of another switch.
    refused(kind, 7, 9000, "has no VLAN");
  }

  /** The cluster has two hosts, and there is another one beside it. */
  @Test
  void aStandardPortGroupCountsAsItIsOnTheHostsOfThePlaceAndOnAllOfThem() throws Exception {
    Kind.host(vcenter, "host-9", 7, 9000);
    Kind.host(vcenter, "host-1", 8, 1500);
    Kind.host(vcenter, "host-2", 8, 1500);
    Kind.hosts(vcenter, "host-9", "host-1", "host-2");
    plugged(Kind.STANDARD, 8, null);
    refused(Kind.STANDARD, 7, null, "has the VLAN 8", "VLAN 7 is declared");
    refused(Kind.STANDARD, null, 9000, "takes frames of 1500 bytes");
    // They are not all alike.
    Kind.host(vcenter, "host-2", 7, 1500);
    refused(Kind.STANDARD, 8, null, "has the VLAN 7", "VLAN 8 is declared");
    Kind.host(vcenter, "host-2", 8, 1400);
    refused(Kind.STANDARD, 8, 1500 + 1, "takes frames of");
    // Only one that has it counts, and there must be one.
    Kind.hosts(vcenter, "host-9", "host-1");
    plugged(Kind.STANDARD, 8, null);
    Kind.hosts(vcenter, "host-9");
    refused(Kind.STANDARD, 7, null, "No host on which the machine may run");
  }

  @Test
  void thePortGroupOfASwitchsUplinksIsForNoMachine() {
    Kind.DISTRIBUTED.has(vcenter, 0, 1500);
    vcenter.object(
        "VmwareDistributedVirtualSwitch",
        "dvs-1",
        named("switch", new Ref("Folder", "group-n1"))
            + property("uuid", "xsd:string", "50 1e")
            + property(
                "config.uplinkPortgroup",
                "ArrayOfManagedObjectReference",
                FakeVcenter.ref(
                    "ManagedObjectReference", "DistributedVirtualPortgroup", "dvportgroup-1")));
    refused(Kind.DISTRIBUTED, null, null, "for the hosts' own cards");
  }

  /** No host is asked for what every port group does. */
  @Test
  void aStandardPortGroupIsNotLookedAtForWhatIsUsual() throws Exception {
    plugged(Kind.STANDARD, null, 1500); // of which no host is known
  }
}
