package io.millwright.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.model.ByteSize;
import io.millwright.model.HypervisorSpec;
import io.millwright.model.HypervisorStatus;
import io.millwright.model.Kind;
import io.millwright.model.Power;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Machines grow only into memory that is free: four of 256 MiB on a host of 2 GiB, of which one is
 * off.
 */
@Tag("database")
@Execution(ExecutionMode.CONCURRENT)
class ResizeTest {
  private static final List<String> NAMES = List.of("a", "b", "c", "d");

  private World world;

  @BeforeEach
  void begin() {
    world = new World(World.Pace.EAGER);
    world.hypervisor.capacity(16, ByteSize.parse("2GiB"), ByteSize.parse("1TiB"));
    world.apply(
        World.BASE
            + "---\n"
            + size("exact", "1280MiB")
            + "---\n"
            + size("large", "1281MiB")
            + "---\n"
            + size("half", "768MiB"));
    world.await(
        "its memory is known",
        () ->
            world.store.read(tx ->
                tx.resources()
                    .find(
                        Kind.HYPERVISOR,
                        "shared",
                        "sim",
                        HypervisorSpec.class,
                        HypervisorStatus.class)
                    .orElseThrow()
                    .status()
                    .memory())
                != null);
    world.apply(NAMES.stream().map(n -> World.machine(n, "")).collect(Collectors.joining("---\n")));
    NAMES.forEach(world::awaitReady);
    world.engine.power().set(World.ANNA, "default", "d", Power.OFF);
    world.awaitEnd(world.machine("d").uid());
  }

  @AfterEach
  void end() {
    world.close();
  }

  private static String size(String name, String memory) {
    return """
    apiVersion: millwright/v1
    kind: Size
    metadata: {name: %s}
    spec: {cores: 1, memory: %s, disk: 2GiB}
    """
        .formatted(name, memory);
  }

  private static String machine(String name, String size) {
    return World.machine(name, "").replace("size: small", "size: " + size);
  }

  private List<Violation> refused(String manifest) {
    List<Violation> planned =
        catchThrowableOfType(ProblemException.class, () -> world.plan(manifest)).problem().errors();
    List<Violation> applied =
        catchThrowableOfType(ProblemException.class, () -> world.apply(manifest))
            .problem()
            .errors();
    assertThat(planned).isEqualTo(applied);
    return applied;
  }

  @Test
  void aSizeGrowsOnlyIfAllWhoHaveItCan() {
    assertThat(refused(size("small", "513MiB")))
        .singleElement()
        .satisfies(v -> {
          assertThat(v.field()).endsWith("spec.memory");
          assertThat(v.message())
              .isEqualTo(
                  "takes 1028MiB more of memory on Hypervisor sim, for 4 machines: 1GiB free of"
                      + " 1028MiB asked");
        });
    world.apply(size("small", "512MiB"));
    for (String name : NAMES) {
      world.awaitEnd(world.machine(name).uid());
    }
    NAMES.stream().filter(n -> !n.equals("d")).forEach(world::awaitReady);
    world.engine.power().set(World.ANNA, "default", "d", Power.ON);
    world.awaitReady("d");
    // Nothing is free any more, and who takes no more memory is not hindered.
    world.apply(size("small", "512MiB").replace("cores: 1", "cores: 2"));
    assertThat(refused(size("small", "513MiB"))).hasSize(1);
    world.apply(size("small", "384MiB"));
  }

  @Test
  void aMachineGrowsOnlyIntoWhatIsFree() {
    assertThat(refused(machine("a", "large")))
        .singleElement()
        .satisfies(v -> {
          assertThat(v.field()).endsWith("spec.size");
          assertThat(v.message())
              .isEqualTo(
                  "takes 1025MiB more of memory on Hypervisor sim: 1GiB free of 1025MiB asked");
        });
    assertThat(
            refused(
                Stream.of("a", "b", "c")
                    .map(n -> machine(n, "half"))
                    .collect(Collectors.joining("---\n"))))
        .as("two of them could")
        .singleElement()
        .satisfies(v -> assertThat(v.message()).contains("0MiB free of 512MiB asked"));
    world.apply(machine("a", "exact"));
    assertThat(refused(machine("b", "half"))).hasSize(1);
  }
}
