package io.millwright.api;

import io.millwright.model.Problem;
import io.millwright.model.manifest.Json;
import jakarta.servlet.DispatcherType;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.apache.catalina.core.StandardHost;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.boot.webmvc.autoconfigure.DispatcherServletAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.Ordered;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.converter.ByteArrayHttpMessageConverter;
import org.springframework.http.converter.HttpMessageConverters;
import org.springframework.http.converter.json.JacksonJsonHttpMessageConverter;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configuration.EnableWebSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.intercept.AuthorizationFilter;
import org.springframework.security.web.firewall.HttpFirewall;
import org.springframework.security.web.firewall.RequestRejectedHandler;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * The API. It needs one bean, the {@link Backend}.
 *
 * <p>Nothing is searched for: of Spring Boot only what is named here is at work, and of ours the
 * handlers in the list, each with what its constructor asks for.
 */
@Configuration(proxyBeanMethods = false)
@EnableWebMvc
@EnableWebSecurity
@ImportAutoConfiguration({
  SslAutoConfiguration.class,
  TomcatServletWebServerAutoConfiguration.class,
  DispatcherServletAutoConfiguration.class,
  SecurityFilterAutoConfiguration.class
})
@Import({
  ApplyApi.class,
  ApprovalsApi.class,
  AuditApi.class,
  DriftApi.class,
  EventsApi.class,
  GroupsApi.class,
  HealthApi.class,
  HypervisorsApi.class,
  ImagesApi.class,
  InvariantsApi.class,
  IsosApi.class,
  MachinesApi.class,
  MetricsApi.class,
  NetworksApi.class,
  OffersApi.class,
  OperationsApi.class,
  OrphansApi.class,
  PeopleApi.class,
  PoolsApi.class,
  ProfilesApi.class,
  ProjectsApi.class,
  QuarantineApi.class,
  SessionApi.class,
  ShowbackApi.class,
  SingleSignOnApi.class,
  SizesApi.class,
  SnapshotsApi.class,
  SourcesApi.class,
  SummaryApi.class,
  TokensApi.class,
  VolumesApi.class,
  WebhooksApi.class
})
public class ApiConfiguration {
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(15);

  /** Enough to let a client finish a manifest that is too large, and read why it was refused. */
  private static final int SWALLOWED = 64 << 20;

  @Bean
  LiveStreams liveStreams(Backend backend) {
    return new LiveStreams(backend.engine().watch(), KEEP_ALIVE);
  }

  @Bean
  ConsoleSocket consoleSocket() {
    return new ConsoleSocket();
  }

  @Bean
  Bearers bearers(Backend backend) {
    return new Bearers(backend.engine().tokens(), backend.access().signIn());
  }

  @Bean
  ConsoleTickets consoleTickets() {
    return new ConsoleTickets(InstantSource.system());
  }

  @Bean
  Permits.Complete permits(RequestMappingHandlerMapping requestMappingHandlerMapping) {
    return new Permits.Complete(requestMappingHandlerMapping);
  }

  @Bean
  OpenApiDocument openApiDocument() {
    return new OpenApiDocument();
  }

  @Bean
  Problems problems(Backend backend) {
    return new Problems(backend.engine().approving());
  }

  /** Everything needs a token or a session but health and signing in; see {@link BearerFilter}. */
  @Bean
  SecurityFilterChain security(
      HttpSecurity http, Bearers bearers, ConsoleTickets tickets, LateRows late) throws Exception {
    return http.csrf(AbstractHttpConfigurer::disable)
        .formLogin(AbstractHttpConfigurer::disable)
        .httpBasic(AbstractHttpConfigurer::disable)
        .logout(AbstractHttpConfigurer::disable)
        .requestCache(AbstractHttpConfigurer::disable)
        .anonymous(AbstractHttpConfigurer::disable)
        .sessionManagement(s -> s.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
        .headers(h ->
            h.contentSecurityPolicy(
                    c -> c.policyDirectives("default-src 'none'; frame-ancestors 'none'"))
                .referrerPolicy(r ->
                    r.policy(
                        org.springframework.security.web.header.writers.ReferrerPolicyHeaderWriter
                            .ReferrerPolicy.NO_REFERRER)))
        .authorizeHttpRequests(a ->
            a.dispatcherTypeMatchers(DispatcherType.ERROR)
                .permitAll()
                .requestMatchers(HealthApi.PATH)
                .permitAll()
                .requestMatchers(HttpMethod.POST, SessionApi.PATH, SourcesApi.HOOKS)
                .permitAll()
                .requestMatchers(HttpMethod.GET, SingleSignOnApi.OPEN)
                .permitAll()
                .anyRequest()
                .authenticated())
        .exceptionHandling(e ->
            e.authenticationEntryPoint(
                    (request, response, _) -> {
                      boolean tried = BearerFilter.secret(request) != null;
                      boolean over = !tried && BearerFilter.cookie(request) != null;
                      response.setHeader(
                          HttpHeaders.WWW_AUTHENTICATE,
                          tried ? "Bearer error=\"invalid_token\"" : "Bearer");
                      Problems.write(
                          new Problem(
                              Problem.Type.UNAUTHENTICATED,
                              tried
                                  ? "this token is unknown, has expired or was revoked"
                                  : over
                                      ? "your session is over; sign in again"
                                      : "send a token, as Authorization: Bearer mwt_...",
                              List.of()),
                          request,
                          response);
                    })
                .accessDeniedHandler((request, response, _) ->
                    Problems.write(
                        new Problem(
                            Problem.Type.FORBIDDEN, "this token may not do that", List.of()),
                        request,
                        response)))
        .addFilterBefore(new BearerFilter(bearers, late), AuthorizationFilter.class)
        .addFilterBefore(tickets.filter(late), AuthorizationFilter.class)
        .build();
  }

  /** In front of the security of the API, which knows no page. */
  @Bean
  FilterRegistrationBean<PageFilter> page() {
    FilterRegistrationBean<PageFilter> out = new FilterRegistrationBean<>(PageFilter.packed());
    out.setOrder(Ordered.HIGHEST_PRECEDENCE);
    return out;
  }

  /** In front of all that decides by a path, but for the page, which lets nobody in. */
  @Bean
  HttpFirewall httpFirewall() {
    return new PlainPaths();
  }

  /** For what the firewall refuses, such as a path with {@code //}. */
  @Bean
  RequestRejectedHandler requestRejectedHandler() {
    return (request, response, _) ->
        Problems.write(
            new Problem(Problem.Type.INVALID, "this is no path of this API", List.of()),
            request,
            response);
  }

  @Bean
  LateRows lateRows(Backend backend) {
    return new LateRows(backend.store(), InstantSource.system(), Duration.ofSeconds(1));
  }

  @Bean
  WebMvcConfigurer webMvc(Backend backend, LateRows late) {
    return new WebMvcConfigurer() {
      @Override
      public void configureMessageConverters(HttpMessageConverters.ServerBuilder converters) {
        converters
            .addCustomConverter(new Body.Converter())
            .addCustomConverter(new ByteArrayHttpMessageConverter())
            .withJsonConverter(new JacksonJsonHttpMessageConverter(Json.mapper()));
      }

      @Override
      public void addArgumentResolvers(List<HandlerMethodArgumentResolver> resolvers) {
        resolvers.add(new Once.Resolver(backend.store()));
      }

      @Override
      public void addInterceptors(InterceptorRegistry interceptors) {
        interceptors.addInterceptor(new Trail(late));
        interceptors.addInterceptor(new Permits());
        interceptors.addInterceptor(new Again.Keys());
        interceptors.addInterceptor(new KnownParameters());
        interceptors.addInterceptor(new Body.Limit());
      }
    };
  }

  @Bean
  WebServerFactoryCustomizer<TomcatServletWebServerFactory> tomcat() {
    return factory -> {
      factory.addContextCustomizers(context -> {
        if (context.getParent() instanceof StandardHost host) {
          host.setErrorReportValveClass(ProblemValve.class.getName());
          host.getPipeline().addValve(new ProblemValve());
        }
      });
      factory.addConnectorCustomizers(connector -> {
        connector.setProperty("maxSwallowSize", Integer.toString(SWALLOWED));
        // Not before we want to read: what is too large is refused before it is sent.
        connector.setProperty("continueResponseTiming", "onRead");
        // A body is never a form: it would be swallowed by whoever asks for the parameters of the
        // query.
        connector.setParseBodyMethods("");
      });
    };
  }
}
