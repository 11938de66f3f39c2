package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Trees;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** What a table shows of each kind. */
record Columns(Kind kind, boolean wide, boolean projects) {

  List<String> titles() {
    List<String> out = new ArrayList<>();
    if (projects) {
      out.add("PROJECT");
    }
    out.add("NAME");
    out.addAll(
        switch (kind) {
          case HYPERVISOR ->
              List.of("STATUS", "DRIVER", "ACCELERATION", "CORES", "MEMORY", "MACHINES", "AGE");
          case NETWORK -> List.of("STATUS", "VLAN", "DOMAIN", "SUBNETS", "AGE");
          case IMAGE -> List.of("STATUS", "OS", "VERSION", "ARCH", "SIZE", "AGE");
          case SIZE -> List.of("CORES", "MEMORY", "DISK", "AGE");
          case PROFILE -> List.of("USERS", "PACKAGES", "FILES", "SCRIPTS", "AGE");
          case VOLUME -> List.of("STATUS", "SIZE", "HYPERVISOR", "AGE");
          case MACHINE ->
              List.of("STATUS", "HYPERVISOR", "IMAGE", "SIZE", "POWER", "ADDRESSES", "AGE");
          case SNAPSHOT -> List.of("STATUS", "MACHINE", "SIZE", "DESCRIPTION", "AGE");
          case GROUP ->
              List.of("STATUS", "COUNT", "HEALTHY", "UPDATED", "REVISION", "IMAGE", "SIZE", "AGE");
          case POOL ->
              List.of("STATUS", "WANTED", "READY", "OUTDATED", "CLAIMED", "IMAGE", "SIZE", "AGE");
          case SOURCE -> List.of("STATUS", "URL", "BRANCH", "PATH", "APPLY", "APPLIED", "AGE");
          case WEBHOOK -> List.of("STATUS", "URL", "ABOUT", "AGE");
          case OFFER -> List.of("TITLE", "PARAMETERS", "AGE");
        });
    if (wide) {
      out.addAll(
          switch (kind) {
            case HYPERVISOR -> List.of("VERSION", "DISK-FREE", "FOREIGN", "CORDONED");
            case NETWORK -> List.of("DNS", "SERVICES");
            case IMAGE -> List.of("SHA256", "FIRMWARE");
            case SIZE -> List.of();
            case PROFILE -> List.of("TIMEZONE", "LOCALE");
            case VOLUME -> List.of("RECLAIM", "SERIAL");
            case MACHINE -> List.of("PROFILES", "VOLUMES", "READY-BY", "EXPIRES-IN");
            case SNAPSHOT -> List.of("HYPERVISOR", "TAKEN");
            case GROUP -> List.of("ROLLED-OUT", "PAUSED");
            case POOL -> List.of("MACHINES", "AT-MOST", "TTL", "REVISION");
            case SOURCE -> List.of("SEEN", "PRUNE", "DRIVER");
            case WEBHOOK, OFFER -> List.of();
          });
      out.addAll(List.of("LABELS", "UID"));
    }
    return out;
  }

  List<Cell> row(View view, Instant now) {
    List<Cell> out = new ArrayList<>();
    if (projects) {
      out.add(Cell.of(view.project()));
    }
    out.add(Cell.of(view.name()));
    if (kind != Kind.SIZE && kind != Kind.PROFILE && kind != Kind.OFFER) {
      out.add(new Cell(view.state(), view.stateStyle()));
    }
    List<String> cells = new ArrayList<>(narrow(view));
    cells.add(Durations.age(view.createdAt(), now));
    if (wide) {
      cells.addAll(more(view, now));
      cells.add(labels(view));
      cells.add(view.uid());
    }
    cells.forEach(c -> out.add(Cell.of(c)));
    return out;
  }

  /** The row of one that was deleted. */
  List<Cell> gone(View view, Instant now) {
    List<Cell> out = new ArrayList<>(row(view, now));
    int status = titles().indexOf("STATUS");
    if (status >= 0) {
      out.set(status, new Cell("Deleted", Style.RED));
    }
    return out;
  }

  private List<String> narrow(View v) {
    return switch (kind) {
      case HYPERVISOR ->
          List.of(
              v.spec("driver"),
              v.status("acceleration"),
              v.status("cores"),
              v.status("memory"),
              v.status("machines"));
      case NETWORK -> List.of(v.spec("vlan"), v.spec("domain"), each(v, "subnets", "cidr"));
      case IMAGE ->
          List.of(v.spec("os"), v.spec("version"), v.spec("arch"), bytes(v.status("fileSize")));
      case SIZE -> List.of(v.spec("cores"), v.spec("memory"), v.spec("disk"));
      case PROFILE ->
          List.of(
              each(v, "users", "name"),
              count(v, "packages"),
              count(v, "files"),
              count(v, "scripts"));
      case VOLUME -> List.of(v.spec("size"), v.spec("hypervisor"));
      case MACHINE ->
          List.of(
              v.status("hypervisor").isEmpty() ? v.spec("hypervisor") : v.status("hypervisor"),
              v.spec("image"),
              v.spec("size"),
              v.status("power"),
              String.join(",", v.addresses()));
      case SNAPSHOT -> List.of(v.spec("machine"), v.status("size"), v.spec("description"));
      case GROUP ->
          List.of(
              v.spec("count"),
              v.status("healthy"),
              v.status("updated"),
              v.status("revision"),
              Trees.text(v.spec().path("machine"), "image"),
              Trees.text(v.spec().path("machine"), "size"));
      case POOL ->
          List.of(
              v.spec("ready"),
              v.status("ready"),
              v.status("outdated"),
              v.status("claimed"),
              Trees.text(v.spec().path("machine"), "image"),
              Trees.text(v.spec().path("machine"), "size"));
      case SOURCE ->
          List.of(
              v.spec("url"),
              v.spec("branch"),
              v.spec("path"),
              v.spec("apply"),
              brief(v.status("applied")));
      case WEBHOOK -> List.of(v.spec("url"), list(v, "about"));
      case OFFER -> List.of(v.spec("title"), Integer.toString(v.spec().path("parameters").size()));
    };
  }

  private List<String> more(View v, Instant now) {
    return switch (kind) {
      case HYPERVISOR ->
          List.of(
              v.status("version"), v.status("diskFree"), v.status("foreign"), v.spec("cordoned"));
      case NETWORK -> List.of(list(v, "dns"), Trees.text(v.spec().path("services"), "driver"));
      case IMAGE -> List.of(brief(v.status("sha256")), list(v, "firmware"));
      case SIZE -> List.of();
      case PROFILE -> List.of(v.spec("timezone"), v.spec("locale"));
      case VOLUME -> List.of(v.spec("reclaim"), v.status("serial"));
      case MACHINE ->
          List.of(
              list(v, "profiles"),
              list(v, "volumes"),
              v.status("readyBy"),
              Durations.left(v.status("expiresAt"), now));
      case SNAPSHOT -> List.of(v.status("hypervisor"), v.status("takenAt"));
      case GROUP -> List.of(v.status("stable"), v.status("paused"));
      case POOL -> List.of(v.status("members"), v.spec("max"), v.spec("ttl"), v.status("revision"));
      case SOURCE -> List.of(brief(v.status("seen")), v.spec("prune"), v.spec("driver"));
      case WEBHOOK, OFFER -> List.of();
    };
  }

  static String labels(View v) {
    List<String> out = new ArrayList<>();
    v.tree()
        .path("metadata")
        .path("labels")
        .properties()
        .forEach(e -> out.add(e.getKey() + "=" + e.getValue().asString("")));
    return String.join(",", out);
  }

  /** Enough of a hash to tell it from others. */
  static String brief(String hash) {
    return hash.substring(0, Math.min(12, hash.length()));
  }

  private static String list(View v, String field) {
    return String.join(",", View.texts(v.spec().path(field)));
  }

  private static String count(View v, String field) {
    return String.valueOf(v.spec().path(field).size());
  }

  private static String each(View v, String list, String field) {
    List<String> out = new ArrayList<>();
    for (JsonNode each : v.spec().path(list)) {
      out.add(Trees.text(each, field));
    }
    return String.join(",", out);
  }

  private static String bytes(String number) {
    if (number.isEmpty()) {
      return "";
    }
    double mib = Double.parseDouble(number) / (1 << 20);
    return mib < 1024
        ? String.format(Locale.ROOT, "%.0fMiB", mib)
        : String.format(Locale.ROOT, "%.1fGiB", mib / 1024);
  }
}
