package io.millwright.engine.access;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.AsymmetricJWK;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jwt.JWT;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.JWTParser;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Whether an ID token says what it must (OpenID Connect Core 1.0, section 3.1.3.7). */
final class IdTokens {
  /** What nobody can make who has only what a provider publishes. */
  private static final Set<JWSAlgorithm> SIGNED =
      Set.of(
          JWSAlgorithm.RS256,
          JWSAlgorithm.RS384,
          JWSAlgorithm.RS512,
          JWSAlgorithm.PS256,
          JWSAlgorithm.PS384,
          JWSAlgorithm.PS512,
          JWSAlgorithm.ES256,
          JWSAlgorithm.ES384,
          JWSAlgorithm.ES512);

  /** Two clocks are never quite the same. */
  private static final Duration SKEW = Duration.ofMinutes(1);

  private IdTokens() {}

  /** Why a token is not believed. */
  static final class NotBelieved extends Exception {
    private static final long serialVersionUID = 1L;

    NotBelieved(String message) {
      super(message);
    }
  }

  /**
   * What must hold of a token.
   *
   * @param issuer who must have made it
   * @param client for whom it must be made
   * @param nonce of the sign-in for which it must be made
   */
  record Expected(String issuer, String client, String nonce) {}

  /**
   * The claims of a token that can be believed.
   *
   * @param keys that the provider publishes, among them the one of this header
   */
  static Map<String, Object> verify(
      String raw, Expected expected, Function<JWKSelector, List<JWK>> keys, Instant now)
      throws NotBelieved {
    JWTClaimsSet claims;
    try {
      JWT token = JWTParser.parse(raw);
      if (!(token instanceof SignedJWT signed)) {
        throw new NotBelieved("it is not signed");
      }
      if (!SIGNED.contains(signed.getHeader().getAlgorithm())) {
        throw new NotBelieved(
            "it is signed in a way that is not taken here ("
                + signed.getHeader().getAlgorithm()
                + ")");
      }
      requireSignature(signed, keys);
      claims = signed.getJWTClaimsSet();
    } catch (ParseException | IllegalArgumentException e) {
      throw new NotBelieved("it cannot be read");
    }
    if (!expected.issuer().equals(claims.getIssuer())) {
      throw new NotBelieved("it is from another issuer");
    }
    requireAudience(claims, expected.client());
    Date expires = claims.getExpirationTime();
    if (expires == null || !now.minus(SKEW).isBefore(expires.toInstant())) {
      throw new NotBelieved("it has expired");
    }
    Date issued = claims.getIssueTime();
    if (issued == null || issued.toInstant().isAfter(now.plus(SKEW))) {
      throw new NotBelieved("it is from the future; compare the clocks");
    }
    if (!expected.nonce().equals(claims.getClaim("nonce"))) {
      throw new NotBelieved("it belongs to another sign-in (nonce)");
    }
    String subject = claims.getSubject();
    if (subject == null || subject.isEmpty() || subject.length() > 255) {
      throw new NotBelieved("it does not say about whom it is");
    }
    return claims.getClaims();
  }

  private static void requireSignature(SignedJWT signed, Function<JWKSelector, List<JWK>> keys)
      throws NotBelieved {
    @Nullable JWKMatcher fitting = JWKMatcher.forJWSHeader(signed.getHeader());
    List<JWK> candidates = fitting == null ? List.of() : keys.apply(new JWKSelector(fitting));
    try {
      for (JWK key : candidates) {
        if (key instanceof AsymmetricJWK asymmetric
            && signed.verify(
                new DefaultJWSVerifierFactory()
                    .createJWSVerifier(signed.getHeader(), asymmetric.toPublicKey()))) {
          return;
        }
      }
    } catch (JOSEException e) {
      throw new NotBelieved("its signature cannot be checked");
    }
    throw new NotBelieved("its signature is not that of a key that the provider publishes");
  }

  private static void requireAudience(JWTClaimsSet claims, String client) throws NotBelieved {
    boolean several = claims.getAudience().size() > 1;
    Object party = claims.getClaim("azp");
    if (!claims.getAudience().contains(client)
        || (several && party == null)
        || (party != null && !client.equals(party))) {
      throw new NotBelieved("it is for another client (audience)");
    }
  }

  /** The keys of a set that a provider publishes. */
  static JWKSet keys(String json) throws NotBelieved {
    try {
      return JWKSet.parse(json);
    } catch (ParseException e) {
      throw new NotBelieved("the provider's keys cannot be read");
    }
  }
}
