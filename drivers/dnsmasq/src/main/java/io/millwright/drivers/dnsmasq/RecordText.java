package io.millwright.drivers.dnsmasq;

import io.millwright.driver.NetworkServices.Records;
import io.millwright.driver.NetworkServices.Reservation;
import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.Names;
import io.millwright.model.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The records of a machine as the text of its two files, and back.
 *
 * <p>The hosts file is the one that is written last. Its first line names the machine and carries a
 * digest of the DHCP file that it goes with, so whoever finds the two in accord knows that dnsmasq
 * has been told of both; a change that was cut short shows as discord.
 */
final class RecordText {
  /** In place of the digest when dnsmasq could not be told of the DHCP file. */
  static final String UNTOLD = "untold";

  private static final Pattern HEADER =
      Pattern.compile("# millwright hostname=(\\S+) domain=(\\S*) dhcp=([0-9a-z]+)");

  /**
   * Words that dnsmasq takes for something else than a name at the end of a dhcp-host line: a lease
   * time, or an order.
   */
  private static final Pattern AMBIGUOUS = Pattern.compile("[0-9]+[smhdw]?|infinite|ignore");

  private RecordText() {}

  /**
   * Lines for dhcp-hostsdir; empty if there are no reservations. One line a reservation: dnsmasq
   * finds the right one by family, and the order survives.
   *
   * @param lease seconds, or empty
   */
  static String dhcp(Records records, String lease) {
    StringBuilder out = new StringBuilder();
    for (Reservation r : records.reservations()) {
      out.append(r.mac()).append(',');
      out.append(r.ip().v6() ? "[" + r.ip() + "]" : r.ip().toString());
      // This name is only what the guest is told of itself; DNS is served from the hosts file. With
      // a domain dnsmasq cannot take the name for anything else. Where it could without one, the
      // guest is told no name.
      if (!records.domain().isEmpty()) {
        out.append(',').append(records.hostname()).append('.').append(records.domain());
      } else if (!AMBIGUOUS.matcher(records.hostname()).matches()) {
        out.append(',').append(records.hostname());
      }
      if (!lease.isEmpty()) {
        out.append(',').append(lease);
      }
      out.append('\n');
    }
    return out.toString();
  }

  /**
   * Lines for hostsdir. The first name of an address is the one that PTR answers.
   *
   * @param dhcp digest of the DHCP file, or {@link #UNTOLD}
   */
  static String hosts(Records records, String dhcp) {
    String domain = records.domain();
    String names =
        domain.isEmpty()
            ? records.hostname()
            : records.hostname() + "." + domain + " " + records.hostname();
    StringBuilder out = new StringBuilder();
    out.append("# millwright hostname=").append(records.hostname());
    out.append(" domain=").append(domain).append(" dhcp=").append(dhcp).append('\n');
    records.addresses().forEach(ip -> out.append(ip).append(' ').append(names).append('\n'));
    return out.toString();
  }

  /** A digest of a DHCP file's text, where a missing file counts as an empty one. */
  static String digest(@Nullable String dhcp) {
    byte[] hash = Sha256.of((dhcp == null ? "" : dhcp).getBytes(StandardCharsets.ISO_8859_1));
    return HexFormat.of().formatHex(hash, 0, 8);
  }

  /** True if this hosts file says that dnsmasq has been told of this DHCP file. */
  static boolean inAccord(@Nullable String dhcp, @Nullable String hosts) {
    if (hosts == null) {
      return false;
    }
    Matcher header = HEADER.matcher(hosts.lines().findFirst().orElse(""));
    return header.matches() && header.group(3).equals(digest(dhcp));
  }

  /**
   * Reads a machine's files. If they are not in accord, or not as they were written, nothing of
   * them is surely in effect, and the records come without reservations and addresses: they differ
   * from whatever was declared, so it is published again.
   */
  static Records read(UUID uid, @Nullable String dhcp, @Nullable String hosts) {
    String hostname = "";
    String domain = "";
    if (hosts != null) {
      Matcher header = HEADER.matcher(hosts.lines().findFirst().orElse(""));
      if (header.matches()) {
        hostname = header.group(1);
        domain = header.group(2);
      }
    }
    Records nothing = new Records(uid, hostname, domain, List.of(), List.of());
    if (hosts == null || !inAccord(dhcp, hosts)) {
      return nothing;
    }
    try {
      List<Ip> addresses = new ArrayList<>();
      hosts.lines().skip(1).forEach(l -> addresses.add(Ip.parse(l.substring(0, l.indexOf(' ')))));
      List<Reservation> reservations = new ArrayList<>();
      if (dhcp != null) {
        dhcp.lines().forEach(l -> reservations.add(reservation(l)));
      }
      Records records = new Records(uid, hostname, domain, reservations, addresses);
      // Whatever somebody else added to the file does not survive this comparison.
      return hosts.equals(hosts(records, digest(dhcp))) ? records : nothing;
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      return nothing;
    }
  }

  private static Reservation reservation(String line) {
    String[] parts = line.split(",", -1);
    return new Reservation(Mac.parse(parts[0]), Ip.parse(parts[1].replaceAll("[\\[\\]]", "")));
  }

  /**
   * What keeps these records from being published, or null. The model has checked names already;
   * this keeps a gap in that check from becoming a line of dnsmasq's configuration.
   */
  static @Nullable String objection(Records records) {
    if (!Names.isLabel(records.hostname())) {
      return Names.quote(records.hostname()) + " is no host name";
    }
    if (!records.domain().isEmpty() && !Names.isDomain(records.domain())) {
      return Names.quote(records.domain()) + " is no domain";
    }
    if (records.hostname().length() + 1 + records.domain().length() > 253) {
      return Names.quote(records.hostname()) + " with its domain is longer than a name can be";
    }
    List<String> seen = new ArrayList<>();
    for (Reservation r : records.reservations()) {
      if (seen.contains(r.ip().toString())) {
        return r.ip() + " is reserved twice";
      }
      seen.add(r.ip().toString());
      String card = r.mac() + (r.ip().v6() ? "" : " v4");
      // Of two IPv4 reservations of a card dnsmasq would serve one, and not say which.
      if (!r.ip().v6() && seen.contains(card)) {
        return String.format(
            Locale.ROOT, "DHCP keeps only one IPv4 address for a card, and %s has two", r.mac());
      }
      seen.add(card);
    }
    return null;
  }
}
