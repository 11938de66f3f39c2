package io.millwright.images;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What an installer is told, and the ways in which it can be told: every installer's renderer gives
 * one of these, and who makes the media goes by it without knowing the installer.
 *
 * @param ways at least one; the same answers in each of them, the way that needs the least first
 */
public record Answers(List<Way> ways) {
  public Answers {
    ways = List.copyOf(ways);
    if (ways.isEmpty()) {
      throw new IllegalArgumentException("answers that cannot be given are none");
    }
  }

  public static Answers of(Way... ways) {
    return new Answers(List.of(ways));
  }

  /**
   * The first way that can be gone.
   *
   * @param can whether a hypervisor, or whoever else makes the media, can go this way
   * @return null if there is none
   */
  public @Nullable Way first(Predicate<Way> can) {
    return ways.stream().filter(can).findFirst().orElse(null);
  }

  /**
   * One way to give an installer its answers. All of it has to be done together.
   *
   * @param seed a second, small medium, or null for none
   * @param medium files that are added to the vendor's own medium or replaced there, by absolute
   *     path
   * @param initrd files for a cpio archive that is appended to the installer's initrd, by absolute
   *     path; directories on the way are made
   * @param kernelArguments added to the installer's kernel command line, each one as the installer
   *     shall see it, in ASCII and without quotes: who writes them down quotes those with blanks
   */
  public record Way(
      @Nullable AnswerMedium seed,
      Map<String, AnswerFile> medium,
      Map<String, AnswerFile> initrd,
      List<String> kernelArguments) {
    public Way {
      medium = Collections.unmodifiableMap(new TreeMap<>(medium));
      initrd = Collections.unmodifiableMap(new TreeMap<>(initrd));
      kernelArguments = List.copyOf(kernelArguments);
    }

    /** A second medium, beside the vendor's own. */
    public static Way beside(AnswerMedium seed, String... kernelArguments) {
      return new Way(seed, Map.of(), Map.of(), List.of(kernelArguments));
    }

    /** Files on the vendor's own medium. */
    public static Way on(Map<String, AnswerFile> medium, String... kernelArguments) {
      return new Way(null, medium, Map.of(), List.of(kernelArguments));
    }

    /** Files in the installer's initrd. */
    public static Way inside(Map<String, AnswerFile> initrd, String... kernelArguments) {
      return new Way(null, Map.of(), initrd, List.of(kernelArguments));
    }

    /** True if the vendor's medium is booted just as it is. */
    public boolean leavesMediumUntouched() {
      return medium.isEmpty() && initrd.isEmpty() && kernelArguments.isEmpty();
    }

    /** True if kernel and initrd, booted directly, are all that is changed. */
    public boolean suitsDirectBoot() {
      return medium.isEmpty();
    }
  }
}
