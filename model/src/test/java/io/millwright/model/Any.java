package io.millwright.model;

import io.millwright.model.manifest.Json;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigInteger;
import java.net.URI;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Arbitrary values of the model, made from the records themselves so that no field is forgotten.
 */
public final class Any {
  /** Texts that YAML, JSON, shells and people trip over. */
  private static final List<String> HOSTILE =
      List.of(
          "",
          " ",
          "null",
          "~",
          "Null",
          "yes",
          "on",
          "true",
          "12",
          "1e3",
          "0x1F",
          "0o7",
          "1_000",
          ".nan",
          ".inf",
          "2024-01-01",
          "2026-11-21T00:00:00Z",
          "12:30:45",
          "- a",
          "-",
          "--- a",
          "---",
          "...",
          "a: b",
          "a:",
          ":a",
          "::1",
          "fd00::",
          "# a",
          "a #b",
          "'",
          "\"",
          "'a'",
          "\\",
          "{",
          "}",
          "[",
          "]",
          "{a: b}",
          "[a",
          ",",
          "&a",
          "*a",
          "!a",
          "!!str a",
          "|",
          ">",
          "%a",
          "@a",
          "`a",
          "?",
          "? a",
          "<<",
          "=",
          " a",
          "a ",
          "\ta",
          "a\t",
          "a\n",
          "\na",
          "a\n\nb\n\n",
          "a\n  b\n",
          "  a\nb",
          "a\r\nb",
          "a\rb",
          "a\u0085b",
          "a\u2028b",
          "\ufeffa",
          "a\u0007b",
          "a\u001b[31mb",
          "a\u007fb",
          "a\u009fb",
          "\ud83d\ude00",
          "\ufffe",
          "\uffff",
          "é",
          "$(reboot)",
          "a;b",
          "{{ a }}",
          "${a}",
          "%s",
          "#cloud-config",
          "x".repeat(200),
          "a b ".repeat(60));

  /** IPv4 addresses in the guise of IPv6 (RFC 4291 section 2.5.5.2); no network has them. */
  private static final Cidr MAPPED =
      new Cidr(new Ip(true, BigInteger.valueOf(0xffffL).shiftLeft(32)), 96);

  private Any() {}

  /** Every text but those with NUL and with half surrogate pairs. */
  public static Arbitrary<String> text() {
    return Arbitraries.frequencyOf(
        net.jqwik.api.Tuple.of(3, Arbitraries.of(HOSTILE)),
        net.jqwik.api.Tuple.of(
            2,
            Arbitraries.integers()
                .between(1, Character.MAX_CODE_POINT)
                .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
                .list()
                .ofMaxSize(8)
                .map(list ->
                    list.stream()
                        .collect(
                            StringBuilder::new,
                            StringBuilder::appendCodePoint,
                            StringBuilder::append)
                        .toString())),
        net.jqwik.api.Tuple.of(
            1, Arbitraries.strings().ascii().excludeChars('\0').ofMaxLength(12)));
  }

  /** A key of a mapping. */
  public static Arbitrary<String> word() {
    return Arbitraries.oneOf(
        Arbitraries.of("12", "true", "on", "1e3", "a.b/c", "name", "kind", "0x1F", "."),
        Arbitraries.strings().alpha().numeric().withChars("-_./").ofMinLength(1).ofMaxLength(12));
  }

  public static Arbitrary<Ip> ip() {
    return Arbitraries.oneOf(ip(false), ip(true));
  }

  public static Arbitrary<Ip> ip(boolean v6) {
    int bits = v6 ? 128 : 32;
    Arbitrary<BigInteger> any =
        Arbitraries.bigIntegers()
            .between(BigInteger.ZERO, BigInteger.ONE.shiftLeft(bits).subtract(BigInteger.ONE));
    // Runs of zero groups are what printing IPv6 is about.
    Arbitrary<BigInteger> sparse =
        Combinators.combine(any, any, any).as((a, b, c) -> a.and(b).and(c));
    Arbitrary<BigInteger> grouped =
        Arbitraries.of(0, 0, 0, 1, 0xffff, 0x0a00)
            .list()
            .ofSize(bits / 16)
            .map(groups -> {
              BigInteger out = BigInteger.ZERO;
              for (int g : groups) {
                out = out.shiftLeft(16).or(BigInteger.valueOf(g));
              }
              return out;
            });
    return Arbitraries.oneOf(any, sparse, grouped)
        .map(n -> new Ip(v6, n))
        .filter(ip -> !v6 || !MAPPED.contains(ip));
  }

  public static Arbitrary<Cidr> cidr() {
    return Arbitraries.oneOf(cidr(false), cidr(true));
  }

  public static Arbitrary<Cidr> cidr(boolean v6) {
    int bits = v6 ? 128 : 32;
    return Combinators.combine(ip(v6), Arbitraries.integers().between(0, bits))
        .as((ip, prefix) -> masked(ip, prefix));
  }

  /** The range of this prefix length that has the address in it. */
  public static Cidr masked(Ip ip, int prefix) {
    int host = (ip.v6() ? 128 : 32) - prefix;
    return new Cidr(new Ip(ip.v6(), ip.value().shiftRight(host).shiftLeft(host)), prefix);
  }

  public static Arbitrary<Range> range() {
    return Arbitraries.of(false, true)
        .flatMap(v6 -> Combinators.combine(ip(v6), ip(v6)).as(Any::range));
  }

  private static Range range(Ip a, Ip b) {
    return a.compareTo(b) <= 0 ? new Range(a, b) : new Range(b, a);
  }

  public static Arbitrary<Mac> mac() {
    return Arbitraries.integers()
        .between(0, 255)
        .list()
        .ofSize(6)
        .map(b ->
            new Mac(
                String.format(
                    "%02x:%02x:%02x:%02x:%02x:%02x",
                    b.get(0) & 0xfe, b.get(1), b.get(2), b.get(3), b.get(4), b.get(5))));
  }

  public static Arbitrary<ByteSize> size() {
    return Arbitraries.longs().between(0, Long.MAX_VALUE / ByteSize.MIB).map(ByteSize::ofMib);
  }

  public static Arbitrary<Instant> instant() {
    return Arbitraries.longs()
        .between(0, 4_000_000_000_000_000L)
        .map(micros -> Instant.ofEpochSecond(micros / 1_000_000, micros % 1_000_000 * 1000));
  }

  public static Arbitrary<Addressing> addressing() {
    return Arbitraries.oneOf(
        Arbitraries.of(
            new Addressing.Auto(),
            new Addressing.Dhcp(),
            new Addressing.Slaac(),
            new Addressing.None()),
        ip().map(Addressing.Fixed::new));
  }

  /** Any record of this type, however unlikely; its constructor has seen it, its check has not. */
  public static <R> Arbitrary<R> of(Class<R> type) {
    return value(type).map(type::cast);
  }

  private static Arbitrary<?> value(Type type) {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      return generic.getRawType() == List.class
          ? value(arguments[0]).list().ofMaxSize(3)
          : Arbitraries.maps(word(), value(arguments[1])).ofMaxSize(3);
    }
    Class<?> plain = (Class<?>) type;
    if (plain == String.class) {
      return text();
    } else if (plain == int.class || plain == Integer.class) {
      return Arbitraries.integers();
    } else if (plain == long.class || plain == Long.class) {
      return Arbitraries.longs();
    } else if (plain == boolean.class || plain == Boolean.class) {
      return Arbitraries.of(true, false);
    } else if (plain == Ip.class) {
      return ip();
    } else if (plain == Cidr.class) {
      return cidr();
    } else if (plain == Range.class) {
      return range();
    } else if (plain == Mac.class) {
      return mac();
    } else if (plain == ByteSize.class) {
      return size();
    } else if (plain == Schedule.class) {
      return Arbitraries.of("7d", "90m", "30 3 * * SUN", "*/5 0-6 1,15 JAN *").map(Schedule::parse);
    } else if (plain == TimeSpan.class) {
      return Arbitraries.longs().between(0, 999_999_999).map(TimeSpan::new);
    } else if (plain == Addressing.class) {
      return addressing();
    } else if (plain == Instant.class) {
      return instant();
    } else if (plain == URI.class) {
      return Arbitraries.of(
              "http://mirror.lab.test/debian",
              "https://[fd00::1]:8443/a%20b;c=d/$(id)'&x?y=1",
              "ftp://mirror.lab.test",
              "http://me:secret@mirror.lab.test/",
              "no/such",
              "")
          .map(URI::create);
    } else if (plain == UUID.class) {
      return Arbitraries.create(UUID::randomUUID);
    } else if (plain == JsonNode.class) {
      return tree();
    } else if (plain.isEnum()) {
      return Arbitraries.of((Object[]) plain.getEnumConstants());
    } else if (plain.isRecord()) {
      return record(plain);
    }
    throw new IllegalArgumentException("no arbitrary " + plain);
  }

  /** A mapping as it may stand in a manifest. */
  private static Arbitrary<JsonNode> tree() {
    return Combinators.combine(word(), text(), Arbitraries.longs(), Arbitraries.of(true, false))
        .as((key, text, number, bool) -> {
          ObjectNode out = Json.mapper().createObjectNode();
          // As a reader makes it: the smallest type that holds the number.
          out.set("number", Json.mapper().readTree(Long.toString(number)));
          out.put("bool", bool).putNull("nothing").put(key, text);
          out.putArray("items").add(text).addObject().put("deep", text);
          return out;
        });
  }

  private static Arbitrary<?> record(Class<?> type) {
    RecordComponent[] components = type.getRecordComponents();
    List<Arbitrary<Object>> parts =
        Arrays.stream(components)
            .map(c -> {
              boolean optional =
                  c.isAnnotationPresent(Default.class)
                      || c.getAnnotatedType().isAnnotationPresent(Nullable.class);
              Arbitrary<Object> any = value(c.getGenericType()).asGeneric();
              return optional ? any.injectNull(0.3) : any;
            })
            .toList();
    return Combinators.combine(parts).as(values -> construct(type, components, values));
  }

  private static Object construct(
      Class<?> type, RecordComponent[] components, List<Object> values) {
    try {
      Constructor<?> constructor =
          type.getDeclaredConstructor(
              Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new));
      constructor.setAccessible(true);
      return constructor.newInstance(values.toArray());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
