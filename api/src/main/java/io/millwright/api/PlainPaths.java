package io.millwright.api;

import jakarta.servlet.http.HttpServletRequest;
import java.util.regex.Pattern;
import org.springframework.security.web.firewall.FirewalledRequest;
import org.springframework.security.web.firewall.RequestRejectedException;
import org.springframework.security.web.firewall.StrictHttpFirewall;

/**
 * Takes a path in its plain spelling only, so that whoever decides by a path and whoever serves it
 * read the same one: handlers are found by what is decoded, and {@code /%61pi} is {@code /api}.
 *
 * <p>What our paths are made of, letters, digits, {@code -} and {@code _}, nobody needs to encode.
 * Other characters of names are encoded rightly; and {@code ;}, {@code //}, dots that lead
 * elsewhere and encoded {@code /}, {@code .} and {@code %} are refused anyway.
 */
final class PlainPaths extends StrictHttpFirewall {
  private static final Pattern NEEDLESS =
      Pattern.compile(
          "%(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", Pattern.CASE_INSENSITIVE);

  @Override
  public FirewalledRequest getFirewalledRequest(HttpServletRequest request) {
    if (NEEDLESS.matcher(request.getRequestURI()).find()) {
      throw new RequestRejectedException("something is encoded in the path that is plain");
    }
    return super.getFirewalledRequest(request);
  }
}
