package io.millwright.engine.machine;

import io.millwright.model.ImageSpec;
import io.millwright.model.ImageStatus;
import io.millwright.model.Names;
import io.millwright.model.Resource;
import io.millwright.planner.ImagePlanner;
import io.millwright.planner.Step;
import java.util.ArrayList;
import java.util.List;

/** How an image comes about. */
public final class ImageSteps {
  private ImageSteps() {}

  /** Name of the machine that is installed for a build, and of that by which it is checked. */
  public static String trial(String image, int build) {
    String end = "-build-" + build;
    return image.substring(0, Math.min(image.length(), Names.LONGEST - end.length())) + end;
  }

  /** The steps of its next build: it is made, and checked if a check is declared. */
  public static List<Step> of(Resource<ImageSpec, ImageStatus> image) {
    return of(ImagePlanner.next(image.status().builds()), image);
  }

  /** The steps of the build of this number. */
  public static List<Step> of(int number, Resource<ImageSpec, ImageStatus> image) {
    ImageSpec.Build build = image.spec().build();
    if (build == null) {
      return List.of(fetch(image.spec()));
    }
    String trial = trial(image.name(), number);
    List<Step> out = new ArrayList<>();
    if (build.builder() != null) {
      out.add(new Step.BuildImage(build.builder()));
    } else {
      out.add(new Step.InstallImage(trial));
      out.add(new Step.ReadImage(trial));
    }
    if (build.check() != null) {
      out.add(new Step.CheckImage(trial));
    }
    if (build.check() != null || build.installer() != null) {
      out.add(new Step.RemoveTrial(trial));
    }
    return List.copyOf(out);
  }

  private static Step fetch(ImageSpec image) {
    ImageSpec.Source source = image.origin();
    if (source == null) {
      throw new IllegalStateException("an image has a source, a build or an installer");
    }
    return new Step.FetchImage(
        source.sent()
            ? "what was sent to the server"
            : source.url() == null ? String.valueOf(source.path()) : source.url());
  }
}
