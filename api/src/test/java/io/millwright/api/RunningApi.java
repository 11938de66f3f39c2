package io.millwright.api;

import java.util.HashMap;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.web.server.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.support.GenericApplicationContext;

/** The API over real HTTP on a free port. */
record RunningApi(ServletWebServerApplicationContext context) implements AutoCloseable {

  static RunningApi start(Backend backend, Map<String, Object> settings, Class<?>... sources) {
    SpringApplication app = new SpringApplication(sources);
    Map<String, Object> all = new HashMap<>(settings);
    all.putIfAbsent("server.port", "0");
    all.put("server.address", "127.0.0.1");
    all.put("spring.main.banner-mode", "off");
    all.put("spring.threads.virtual.enabled", "true");
    app.setDefaultProperties(all);
    app.setLogStartupInfo(false);
    app.addInitializers(context ->
        ((GenericApplicationContext) context).registerBean(Backend.class, () -> backend));
    return new RunningApi((ServletWebServerApplicationContext) app.run());
  }

  String url() {
    return "http://127.0.0.1:" + java.util.Objects.requireNonNull(context.getWebServer()).getPort();
  }

  @Override
  public void close() {
    context.close();
  }
}
