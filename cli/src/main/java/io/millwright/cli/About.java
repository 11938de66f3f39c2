package io.millwright.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a list is about: everything of a project or of all, one kind, or one resource. */
final class About {
  @Parameters(
      arity = "0..2",
      paramLabel = "KIND NAME",
      completionCandidates = Kind.Words.class,
      description = "Only of this kind, or of this resource; as KIND, KIND NAME or KIND/NAME.")
  List<String> words = new ArrayList<>();

  @Option(
      names = {"-A", "--all-projects"},
      description = "From all projects.")
  boolean allProjects;

  /**
   * What the words say, as the API asks for it.
   *
   * @param kind such as {@code Machine}, or null for all
   * @param name null for all
   */
  record Filter(String project, @Nullable String kind, @Nullable String name) {}

  /**
   * Understands the words.
   *
   * @throws Failure if they name no kind or no resource
   */
  Filter filter(Cli cli) {
    String project = allProjects ? "-" : cli.project();
    if (words.isEmpty()) {
      return new Filter(project, null, null);
    }
    if (words.size() == 1 && !words.getFirst().contains("/")) {
      return new Filter(project, Kind.parse(words.getFirst()).title(), null);
    }
    Target target = Target.parse(words).getFirst();
    return new Filter(project, target.kind().title(), target.name());
  }
}
