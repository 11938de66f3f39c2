package io.millwright.server;

import io.millwright.api.ApiConfiguration;
import io.millwright.api.Backend;
import io.millwright.model.Cidr;
import io.millwright.server.ServerSettings.Address;
import io.millwright.server.ServerSettings.Tls;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.env.MapPropertySource;

/** The people's door: the API on Spring's web server. */
record Web(ServletWebServerApplicationContext context) implements AutoCloseable {

  /**
   * Opens it.
   *
   * @param tls null for plain HTTP
   * @param proxies whose word is taken on who asks, and whether by TLS; nobody else's is
   */
  static Web start(Address listen, @Nullable Tls tls, List<Cidr> proxies, Backend backend) {
    SpringApplication app = new SpringApplication(ApiConfiguration.class);
    app.setWebApplicationType(WebApplicationType.SERVLET);
    app.setBannerMode(Banner.Mode.OFF);
    app.setLogStartupInfo(false);
    app.setAddCommandLineProperties(false);
    app.setRegisterShutdownHook(false); // Main ends it in its turn
    Map<String, Object> settings = new HashMap<>();
    settings.put("server.address", listen.host());
    settings.put("server.port", listen.port());
    settings.put("server.shutdown", "graceful");
    settings.put("server.max-http-request-header-size", "16KB");
    settings.put("spring.lifecycle.timeout-per-shutdown-phase", "3s");
    settings.put("spring.threads.virtual.enabled", true);
    if (tls != null) {
      // Read again when the files change, so that a certificate can be renewed under way.
      String bundle = "spring.ssl.bundle.pem.door.";
      settings.put(bundle + "keystore.certificate", tls.certificate().toUri().toString());
      settings.put(bundle + "keystore.private-key", tls.key().toUri().toString());
      settings.put(bundle + "reload-on-update", true);
      settings.put("server.ssl.bundle", "door");
      settings.put("server.ssl.enabled-protocols", "TLSv1.3,TLSv1.2");
    }
    if (!proxies.isEmpty()) {
      settings.put("server.forward-headers-strategy", "native");
      settings.put(
          "server.tomcat.remoteip.internal-proxies",
          proxies.stream().map(Cidr::toString).collect(Collectors.joining(",")));
    }
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
