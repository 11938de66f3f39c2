package io.millwright.engine.machine;

import io.millwright.engine.access.SecretBox;
import io.millwright.images.CloudInit;
import io.millwright.model.ImageSpec;
import io.millwright.model.MachineSpec;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Violation;
import io.millwright.model.manifest.Json;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What speaks against a machine's system as it is declared: all for which the renderer of its image
 * would not answer. It is asked when the machine is declared, and again before anything is made of
 * it, by the very renderer that writes the answers; pure.
 */
public final class Objections {
  private static final Pattern INTERFACE = Pattern.compile("interfaces\\[(\\d+)](?:\\.(.*))?");

  private Objections() {}

  /**
   * The objections, by their fields in the spec of the machine.
   *
   * @param reportTo where its first boot calls home, as far as it is known
   * @param secrets opens what is sealed of its layers
   */
  public static List<Violation> to(ResolvedMachine machine, List<URI> reportTo, SecretBox secrets) {
    ImageSpec image = machine.image().spec();
    String disk = machine.machine().status().disk();
    // The name tells one first boot from another, and is no matter of dispute.
    String name = disk == null ? machine.machine().name() : disk;
    List<Violation> found;
    if (image.installer() != null) {
      found = Installers.objections(machine, name, reportTo, secrets);
    } else if (image.firstBoot() == ImageSpec.FirstBoot.NONE) {
      found = List.of();
    } else {
      found =
          CloudInit.ofClone(image.os())
              .objections(InstallSpecs.of(machine, name, reportTo, secrets));
    }
    MachineSpec spec = machine.machine().spec();
    List<ProfileSpec> profiles = machine.profiles().stream().map(p -> p.spec()).toList();
    List<ProfileSpec> networks =
        spec.addressed().stream()
            .map(face -> machine.network(face).defaults())
            .filter(Objects::nonNull)
            .toList();
    return found.stream().map(v -> ofMachine(v, spec, profiles, networks)).toList();
  }

  /**
   * Says it of the field that a person has written, and keeps the finer one in the message.
   *
   * @param profiles what its profiles say, as far as it is known
   * @param networks what the defaults of its networks say, as far as it is known
   */
  static Violation ofMachine(
      Violation found, MachineSpec spec, List<ProfileSpec> profiles, List<ProfileSpec> networks) {
    String field = found.field();
    Matcher face = INTERFACE.matcher(field);
    if (face.matches()) {
      String path = spec.path(spec.interfaces().get(Integer.parseInt(face.group(1))));
      String rest = face.group(2);
      return rest == null || rest.equals("mac") || rest.equals("members") || rest.equals("id")
          ? new Violation(rest == null ? path : path + "." + rest, found.message())
          : new Violation(path, rest + ": " + found.message());
    }
    if (field.equals("interfaces")) {
      return new Violation("nics", found.message());
    }
    if (field.startsWith("identity.")) {
      return new Violation("hostname", found.message());
    }
    if (field.startsWith("dataDisks")) {
      return new Violation("volumes", found.message());
    }
    if (field.equals(Installers.FIRMWARE)) {
      return new Violation("firmware", found.message());
    }
    if (field.equals("installation.storage.capacity")) {
      return new Violation("size", found.message());
    }
    if (field.equals(Installers.CHOICE)) {
      return new Violation("image", field + ": " + found.message());
    }
    for (Map.Entry<String, String> layered : LAYERED.entrySet()) {
      if (field.startsWith(layered.getKey())) {
        String path = layered.getValue() + field.substring(layered.getKey().length());
        String layer = layer(path, spec, profiles, networks);
        return new Violation(layer, path + ": " + found.message());
      }
    }
    return new Violation("image", field + ": " + found.message());
  }

  /** What of an installation somebody asks for in a layer of customisation, and as what. */
  private static final Map<String, String> LAYERED =
      Map.of(
          "profile.", "",
          "installation.keyboard", "keyboard",
          "installation.source", "packageSource",
          "installation.storage", "storage",
          "installation.before", "commands.before",
          "installation.after", "commands.after",
          "installation.end", "commands.end");

  /**
   * The layer that asks for something: the one that wins among those which say this very field, or
   * else among those which say something of its kind.
   */
  private static String layer(
      String field, MachineSpec spec, List<ProfileSpec> profiles, List<ProfileSpec> networks) {
    List<ProfileSpec> own = spec.overrides() == null ? List.of() : List.of(spec.overrides());
    for (String path : List.of(field.split("\\[", 2)[0], field.split("[.\\[]", 2)[0])) {
      if (says(own, path)) {
        return "overrides";
      }
      if (says(profiles, path)) {
        return "profiles";
      }
      if (says(networks, path)) {
        return "nics";
      }
    }
    return spec.profiles().isEmpty() ? "nics" : "profiles";
  }

  private static boolean says(List<ProfileSpec> layers, String field) {
    String pointer = "/" + field.replace('.', '/');
    return layers.stream().anyMatch(layer -> !Json.tree(layer).at(pointer).isMissingNode());
  }

  /** All of them in one line, for a condition. */
  public static String line(List<Violation> objections) {
    List<String> out = new ArrayList<>();
    objections.forEach(v -> out.add("spec." + v.field() + ": " + v.message()));
    return String.join("; ", out);
  }
}
