package io.millwright.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.millwright.api.SignInLab.Browser;
import io.millwright.engine.access.SingleSignOn;
import io.millwright.model.manifest.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a provider says that is not one, or not itself; no real one can be brought to say it. */
@Tag("database")
class LyingProviderTest {
  private static final Rig RIG = Rig.shared();
  private static final AtomicLong LATER = new AtomicLong();

  private static HttpServer provider;
  private static ECKey key;
  private static ECKey published;
  private static SignInLab lab;

  /** What the token endpoint gives for any code. */
  private static volatile String idToken = "";

  private static volatile Map<String, Object> told = Map.of();
  private static volatile int tokenStatus = 200;
  private static volatile String authorization = "";

  @BeforeAll
  static void begin() throws Exception {
    key = new ECKeyGenerator(Curve.P_256).keyID("1").generate();
    published = key;
    provider = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    provider.createContext("/", LyingProviderTest::answer);
    provider.start();
    lab =
        SignInLab.start(
            RIG,
            SignInLab.freeSite(),
            issuer(),
            () -> InstantSource.system().instant().plusSeconds(LATER.get()));
  }

  @AfterAll
  static void end() {
    lab.close();
    provider.stop(0);
  }

  private static URI issuer() {
    return URI.create("http://127.0.0.1:" + provider.getAddress().getPort());
  }

  private static void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      int status = path.equals("/token") ? tokenStatus : 200;
      if (path.equals("/token")) {
        authorization = exchange.getRequestHeaders().getFirst("Authorization");
      }
      String text =
          switch (path) {
            case "/.well-known/openid-configuration" ->
                Json.write(
                    Map.of(
                        "issuer", issuer(),
                        "authorization_endpoint", issuer() + "/auth",
                        "token_endpoint", issuer() + "/token",
                        "jwks_uri", issuer() + "/keys",
                        "userinfo_endpoint", issuer() + "/me"));
            case "/keys" -> new JWKSet(published.toPublicJWK()).toString();
            case "/token" ->
                Json.write(
                    tokenStatus == 200
                        ? Map.of("id_token", idToken, "access_token", "a")
                        : Map.of("error", "invalid_client"));
            case "/me" -> Json.write(told);
            default -> "{}";
          };
      byte[] body = text.getBytes(UTF_8);
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** One who is about to come back, with the nonce that the provider was given. */
  private record Traveller(Browser browser, String back, String nonce) {
    static Traveller depart() {
      return depart(lab.browser());
    }

    static Traveller depart(Browser browser) {
      String there = browser.depart("");
      return new Traveller(
          browser,
          lab.api.url() + SingleSignOn.CALLBACK + "?code=c&state=" + query(there, "state"),
          query(there, "nonce"));
    }

    private static String query(String url, String name) {
      return URLDecoder.decode(url.replaceFirst(".*[?&]" + name + "=([^&]+).*", "$1"), UTF_8);
    }

    JWTClaimsSet.Builder claims() {
      Instant now = Instant.now();
      return new JWTClaimsSet.Builder()
          .issuer(issuer().toString())
          .audience(SignInLab.CLIENT)
          .subject("liar-1")
          .claim("preferred_username", "liar")
          .claim("groups", List.of("g"))
          .claim("nonce", nonce)
          .issueTime(Date.from(now))
          .expirationTime(Date.from(now.plusSeconds(300)));
    }

    String refused(String token, int status) {
      idToken = token;
      return browser.refused(back, status);
    }
  }

  private static String signed(JWTClaimsSet.Builder claims, ECKey with) throws JOSEException {
    SignedJWT out =
        new SignedJWT(
            new JWSHeader.Builder(JWSAlgorithm.ES256).keyID(with.getKeyID()).build(),
            claims.build());
    out.sign(new ECDSASigner(with));
    return out.serialize();
  }

  private static void refuses(
      java.util.function.UnaryOperator<JWTClaimsSet.Builder> lie, String why) throws JOSEException {
    Traveller traveller = Traveller.depart();
    assertThat(traveller.refused(signed(lie.apply(traveller.claims()), key), 401))
        .contains("what the lab says cannot be believed", why);
  }

  @Test
  void anHonestTokenIsTaken() throws Exception {
    Traveller traveller = Traveller.depart();
    idToken =
        signed(traveller.claims().subject("honest").claim("preferred_username", "honest"), key);
    assertThat(traveller.browser().arrive(traveller.back()).header("Location")).isEqualTo("/");
    assertThat(authorization).startsWith("Basic ");
  }

  @Test
  void whoSignsInAnewEndsTheSessionThatWasThere() throws Exception {
    Browser browser = lab.browser();
    List<String> before = List.of();
    for (int i = 0; i < 2; i++) {
      Traveller traveller = Traveller.depart(browser);
      idToken =
          signed(traveller.claims().subject("again").claim("preferred_username", "again"), key);
      traveller.browser().arrive(traveller.back());
      List<String> now =
          RIG.engine.access().signIn().list(null).stream()
              .filter(o -> o.name().equals("again"))
              .map(o -> o.session().uid().toString())
              .toList();
      assertThat(now).hasSize(1).isNotEqualTo(before);
      before = now;
    }
  }

  @Test
  void claimsThatAreNotForUsAreNot() throws Exception {
    refuses(c -> c.audience("another"), "it is for another client (audience)");
    refuses(c -> c.audience(List.of(SignInLab.CLIENT, "b")), "it is for another client (audience)");
    refuses(c -> c.claim("azp", "another"), "it is for another client (audience)");
    refuses(c -> c.issuer("https://other.example"), "it is from another issuer");
    refuses(c -> c.claim("nonce", "of another"), "it belongs to another sign-in (nonce)");
    refuses(c -> c.claim("nonce", null), "it belongs to another sign-in (nonce)");
    refuses(c -> c.expirationTime(Date.from(Instant.now().minusSeconds(90))), "it has expired");
    refuses(c -> c.expirationTime(null), "it has expired");
    refuses(c -> c.issueTime(Date.from(Instant.now().plusSeconds(600))), "from the future");
    refuses(c -> c.subject(null), "it does not say about whom it is");
  }

  @Test
  void onlyAKeyOfTheProviderSigns() throws Exception {
    Traveller traveller = Traveller.depart();
    assertThat(traveller.refused(new PlainJWT(traveller.claims().build()).serialize(), 401))
        .contains("it is not signed");
    ECKey another = new ECKeyGenerator(Curve.P_256).keyID("1").generate();
    assertThat(traveller.refused(signed(traveller.claims(), another), 401))
        .contains("its signature is not that of a key that the provider publishes");
    // A MAC with what everybody may know: the public key, or the secret that is in two hands.
    SignedJWT mac = new SignedJWT(new JWSHeader(JWSAlgorithm.HS256), traveller.claims().build());
    mac.sign(new MACSigner(key.toPublicJWK().toJSONString()));
    assertThat(traveller.refused(mac.serialize(), 401))
        .contains("it is signed in a way that is not taken here (HS256)");
    assertThat(traveller.refused("not.a.token", 401)).contains("it cannot be read");
    assertThat(traveller.refused("", 401)).contains("gave no ID token");
    String whole = signed(traveller.claims(), key);
    String altered =
        whole.substring(0, whole.lastIndexOf('.') - 4)
            + "AAAA"
            + whole.substring(whole.lastIndexOf('.'));
    assertThat(traveller.refused(altered, 401)).contains("signature");
  }

  @Test
  void aNewKeyIsFoundWhenATokenNamesIt() throws Exception {
    ECKey fresh = new ECKeyGenerator(Curve.P_256).keyID("2").generate();
    published = fresh;
    LATER.addAndGet(6); // the keys are not asked for again and again
    try {
      Traveller traveller = Traveller.depart();
      idToken =
          signed(
              traveller.claims().subject("rotated").claim("preferred_username", "rotated"), fresh);
      traveller.browser().arrive(traveller.back());
    } finally {
      published = key;
      LATER.addAndGet(6);
    }
  }

  @Test
  void groupsMayBeToldApartButOnlyAboutTheSamePerson() throws Exception {
    Traveller traveller = Traveller.depart();
    told = Map.of("sub", "somebody", "groups", List.of("admins"));
    String token =
        signed(
            traveller
                .claims()
                .subject("apart")
                .claim("groups", null)
                .claim("preferred_username", "apart"),
            key);
    assertThat(traveller.refused(token, 401)).contains("is about somebody else");
    told = Map.of("sub", "apart", "groups", List.of("from-userinfo"));
    traveller.browser().arrive(traveller.back());
    assertThat(RIG.store.read(tx -> tx.people().find("apart")).orElseThrow().groups())
        .containsExactly("from-userinfo");
  }

  @Test
  void tooLateIsTooLate() {
    Traveller traveller = Traveller.depart();
    LATER.addAndGet(601);
    try {
      assertThat(traveller.refused("", 401)).contains("it took longer than 10 minutes");
    } finally {
      LATER.addAndGet(-601);
    }
  }

  @Test
  void aWrongSecretIsTheOperatorsAffair() {
    tokenStatus = 401;
    try {
      assertThat(Traveller.depart().refused("", 503))
          .contains("does not take this server's client id and secret");
    } finally {
      tokenStatus = 200;
    }
  }
}
