package io.millwright.api;

import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Manifests;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.MediaType;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.servlet.HandlerInterceptor;

/**
 * A request's body as it was sent: manifests are read by the model, which knows lines and columns.
 */
record Body(byte[] bytes) {

  /** Takes YAML and JSON, and no more than is allowed. */
  static final class Converter implements HttpMessageConverter<Body> {
    @Override
    public boolean canRead(Class<?> type, @Nullable MediaType mediaType) {
      return type == Body.class
          && mediaType != null
          && getSupportedMediaTypes().stream().anyMatch(m -> m.includes(mediaType));
    }

    @Override
    public boolean canWrite(Class<?> type, @Nullable MediaType mediaType) {
      return false;
    }

    @Override
    public List<MediaType> getSupportedMediaTypes() {
      return List.of(
          MediaType.APPLICATION_JSON,
          MediaType.APPLICATION_YAML,
          new MediaType("application", "x-yaml"),
          new MediaType("text", "yaml"));
    }

    @Override
    public Body read(Class<? extends Body> type, HttpInputMessage input) throws IOException {
      byte[] bytes = input.getBody().readNBytes(Manifests.MAX_BYTES + 1);
      if (bytes.length > Manifests.MAX_BYTES) {
        throw tooLarge();
      }
      return new Body(bytes);
    }

    @Override
    public void write(Body body, @Nullable MediaType contentType, HttpOutputMessage output) {
      throw new UnsupportedOperationException("bodies are only read");
    }
  }

  /** Refuses by what the request says of its length, before a byte of it is read. */
  static final class Limit implements HandlerInterceptor {
    @Override
    public boolean preHandle(
        HttpServletRequest request, HttpServletResponse response, Object handler) {
      // Who takes no manifests looks after the length by itself.
      boolean file =
          handler instanceof HandlerMethod method
              && method.getBeanType() == ImagesApi.class
              && method.getMethod().getDeclaringClass() == ImagesApi.class;
      if (!file && request.getContentLengthLong() > Manifests.MAX_BYTES) {
        throw tooLarge();
      }
      return true;
    }
  }

  private static ProblemException tooLarge() {
    return ProblemException.of(
        Problem.Type.TOO_LARGE,
        "at most "
            + (Manifests.MAX_BYTES >> 20)
            + " MiB are taken at once; send it in several parts");
  }
}
