package io.millwright.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.millwright.driver.DiskTransfer;
import io.millwright.driver.Disks;
import io.millwright.driver.ObjectName;
import io.millwright.model.ByteSize;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Which room may look into which. To make a new arrow, change {@link Room}, and ARCHITECTURE.md
 * with it.
 */
class ArchitectureTest {
  private static JavaClasses classes;

  /** A module, the packages that it has, and the rooms that it may look into. */
  private enum Room {
    MODEL("io.millwright.model.."),
    PLANNER("io.millwright.planner..", MODEL),
    IMAGES("io.millwright.images..", MODEL),
    MEDIA("io.millwright.media..", MODEL),
    DRIVER_SPI("io.millwright.driver", MODEL),
    DRIVER_TESTKIT("io.millwright.driver.testkit..", DRIVER_SPI, MODEL),
    LIBVIRT("io.millwright.driver.libvirt..", DRIVER_SPI, MODEL),
    VSPHERE("io.millwright.driver.vsphere..", DRIVER_SPI, MODEL),
    PROXMOX("io.millwright.driver.proxmox..", DRIVER_SPI, MODEL),
    DNSMASQ("io.millwright.drivers.dnsmasq..", DRIVER_SPI, MODEL),
    MMDEBSTRAP("io.millwright.drivers.mmdebstrap..", DRIVER_SPI, MODEL),
    GIT("io.millwright.drivers.git..", DRIVER_SPI, MODEL),
    ENGINE("io.millwright.engine..", PLANNER, IMAGES, MEDIA, DRIVER_SPI, MODEL),
    STORE("io.millwright.store..", ENGINE, MODEL),
    API("io.millwright.api..", ENGINE, PLANNER, MODEL),
    /** Drivers are found by ServiceLoader: not even the server names one. */
    SERVER("io.millwright.server..", API, STORE, ENGINE, MODEL),
    CLIENT("io.millwright.client.."),
    CLI("io.millwright.cli..", CLIENT);

    private final String packages;
    private final Set<Room> seen;

    Room(String packages, Room... seen) {
      this.packages = packages;
      this.seen = Set.of(seen);
    }

    boolean has(JavaClass c) {
      String base = packages.replace("..", "");
      String of = c.getPackageName();
      return of.equals(base) || (packages.endsWith("..") && of.startsWith(base + "."));
    }

    static Room of(JavaClass c) {
      List<Room> found = EnumSet.allOf(Room.class).stream().filter(r -> r.has(c)).toList();
      assertThat(found).as("the room of %s", c.getName()).hasSize(1);
      return found.getFirst();
    }
  }

  @BeforeAll
  static void read() {
    classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.millwright");
  }

  @Test
  void theArrowsAreThoseOfTheArchitecture() {
    List<String> wrong = new ArrayList<>();
    Set<Room> met = EnumSet.noneOf(Room.class);
    for (JavaClass c : classes) {
      Room room = Room.of(c);
      met.add(room);
      for (Dependency d : c.getDirectDependenciesFromSelf()) {
        JavaClass target = d.getTargetClass().getBaseComponentType();
        if (target.getPackageName().startsWith("io.millwright.")) {
          Room other = Room.of(target);
          if (other != room && !room.seen.contains(other)) {
            wrong.add(room + " -> " + other + ": " + d.getDescription());
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(met).as("every module is seen by this test").isEqualTo(EnumSet.allOf(Room.class));
  }

  /** Each folder of the engine, and those below it; {@code access} and {@code port} are one. */
  private static final List<String> FLOORS =
      List.of("port", "access", "outside", "image", "watch", "machine", "request", "reconcile");

  @Test
  void theFoldersOfTheEngineStandOnEachOther() {
    String engine = "io.millwright.engine";
    List<String> wrong = new ArrayList<>();
    Set<String> met = new TreeSet<>();
    for (JavaClass c : classes) {
      if (!c.getPackageName().startsWith(engine + ".")) {
        continue;
      }
      String floor = c.getPackageName().substring(engine.length() + 1);
      met.add(floor);
      for (Dependency d : c.getDirectDependenciesFromSelf()) {
        String other = d.getTargetClass().getBaseComponentType().getPackageName();
        boolean above =
            other.equals(engine)
                || (other.startsWith(engine + ".")
                    && FLOORS.indexOf(other.substring(engine.length() + 1))
                        > Math.max(FLOORS.indexOf(floor), FLOORS.indexOf("access")));
        if (above) {
          wrong.add(d.getDescription());
        }
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(met).containsExactlyInAnyOrderElementsOf(FLOORS);
  }

  @Test
  void theModelAndThePlannerDoNoInputAndOutput() {
    DescribedPredicate<JavaClass> outside =
        DescribedPredicate.describe(
            "touch files, sockets, databases or threads",
            c -> {
              String p = c.getPackageName();
              return p.startsWith("java.nio.file")
                  || p.startsWith("java.sql")
                  || p.startsWith("javax.sql")
                  || p.startsWith("java.net.http")
                  || (p.equals("java.io") && !IN_MEMORY.contains(c.getSimpleName()))
                  || (p.equals("java.net") && !LITERALS.contains(c.getSimpleName()))
                  || c.isEquivalentTo(Thread.class)
                  || c.isEquivalentTo(ProcessBuilder.class);
            });
    noClasses()
        .that()
        .resideInAnyPackage(Room.MODEL.packages, Room.PLANNER.packages)
        .should()
        .dependOnClassesThat(outside)
        .check(classes);
  }

  /** Of java.io, what works in memory or only marks. */
  private static final Set<String> IN_MEMORY =
      Set.of(
          "Serializable",
          "IOException",
          "UncheckedIOException",
          "StringReader",
          "StringWriter",
          "Reader",
          "Writer",
          "PrintStream",
          "ObjectStreamException");

  /** Of java.net, what parses addresses without asking anybody. */
  private static final Set<String> LITERALS =
      Set.of(
          "InetAddress",
          "Inet4Address",
          "Inet6Address",
          "UnknownHostException",
          "URI",
          "URISyntaxException");

  @Test
  void timeIsAnArgument() {
    noClasses()
        .that()
        .resideInAnyPackage(Room.MODEL.packages, Room.PLANNER.packages)
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Clock.class)
        .orShould()
        .callMethod(Instant.class, "now")
        .orShould()
        .callMethod(InstantSource.class, "system")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(System.class, "nanoTime")
        .check(classes);
    noClasses()
        .that()
        .resideInAPackage(Room.PLANNER.packages)
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Random.class)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(InstantSource.class)
        .check(classes);
  }

  /** One decision stands before every deletion of a disk. */
  @Test
  void onlyDisposalDeletesDisks() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("io.millwright.engine.reconcile.Disposal")
        .and()
        .resideOutsideOfPackage(Room.DRIVER_TESTKIT.packages)
        .should()
        .callMethod(Disks.class, "delete", ObjectName.class)
        .check(classes);
    assertThat(
            classes.stream()
                .filter(c -> c.getSimpleName().equals("Disposal"))
                .flatMap(c -> c.getMethodCallsFromSelf().stream())
                .filter(call -> call.getTargetOwner().isEquivalentTo(Disks.class)))
        .as("the rule above knows how a disk is deleted")
        .isNotEmpty();
  }

  /** And before every overwriting of one, which is as good as a deletion. */
  @Test
  void onlyCarriageWritesDisks() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("io.millwright.engine.reconcile.Carriage")
        .and()
        .resideOutsideOfPackage(Room.DRIVER_TESTKIT.packages)
        .should()
        .callMethod(
            DiskTransfer.class,
            "write",
            ObjectName.class,
            ByteSize.class,
            Path.class,
            DiskTransfer.Proceed.class)
        .check(classes);
    assertThat(
            classes.stream()
                .filter(c -> c.getSimpleName().equals("Carriage"))
                .flatMap(c -> c.getMethodCallsFromSelf().stream())
                .filter(call -> call.getTargetOwner().isEquivalentTo(DiskTransfer.class))
                .filter(call -> call.getName().equals("write")))
        .as("the rule above knows how a disk is written")
        .isNotEmpty();
  }

  @Test
  void onlyTheStoreSpeaksSql() {
    // The server passes the store's own data source on; to touch it would be a call.
    noClasses()
        .that()
        .resideOutsideOfPackage(Room.STORE.packages)
        .should()
        .accessClassesThat()
        .resideInAnyPackage(
            "java.sql..", "javax.sql..", "org.springframework.jdbc..", "org.postgresql..")
        .check(classes);
    noClasses()
        .that()
        .resideOutsideOfPackages(Room.STORE.packages, Room.SERVER.packages)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.sql..", "javax.sql..", "org.springframework.jdbc..", "org.postgresql..")
        .check(classes);
  }

  @Test
  void onlyTheFaceKnowsTheFrame() {
    noClasses()
        .that()
        .resideOutsideOfPackages(Room.API.packages, Room.SERVER.packages, Room.STORE.packages)
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.springframework..")
        .check(classes);
    noClasses()
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("org.springframework.beans.factory.annotation.Autowired")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("org.springframework.context.annotation.ComponentScan")
        .check(classes);
  }
}
