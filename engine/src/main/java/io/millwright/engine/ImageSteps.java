package io.millwright.engine;

import io.millwright.model.ImageSpec;
import io.millwright.planner.Step;

/** How an image comes about. */
public final class ImageSteps {
  private ImageSteps() {}

  /** The one step that makes this image. */
  public static Step of(ImageSpec image) {
    if (image.build() != null) {
      return new Step.BuildImage(image.build().builder());
    }
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
