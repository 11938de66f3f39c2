package io.millwright.server;

import io.millwright.api.ApiConfiguration;
import io.millwright.api.Backend;
import io.millwright.server.ServerSettings.Address;
import java.util.Map;
import java.util.Objects;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.env.MapPropertySource;

/** The people's door: the API on Spring's web server. */
record Web(ServletWebServerApplicationContext context) implements AutoCloseable {

  static Web start(Address listen, Backend backend) {
    SpringApplication app = new SpringApplication(ApiConfiguration.class);
    app.setWebApplicationType(WebApplicationType.SERVLET);
    app.setBannerMode(Banner.Mode.OFF);
    app.setLogStartupInfo(false);
    app.setAddCommandLineProperties(false);
    app.setRegisterShutdownHook(false); // Main ends it in its turn
    Map<String, Object> settings =
        Map.of(
            "server.address",
            listen.host(),
            "server.port",
            listen.port(),
            "server.shutdown",
            "graceful",
            "server.max-http-request-header-size",
            "16KB",
            "spring.lifecycle.timeout-per-shutdown-phase",
            "3s",
            "spring.threads.virtual.enabled",
            true);
    app.addInitializers(context -> {
      // First, so that no variable of the environment changes what our own settings say.
      context
          .getEnvironment()
          .getPropertySources()
          .addFirst(new MapPropertySource("server", settings));
      ((GenericApplicationContext) context).registerBean(Backend.class, () -> backend);
    });
    return new Web((ServletWebServerApplicationContext) app.run());
  }

  int port() {
    return Objects.requireNonNull(context.getWebServer()).getPort();
  }

  @Override
  public void close() {
    context.close();
  }
}
