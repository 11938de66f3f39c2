package io.millwright.driver.vsphere;

import io.millwright.driver.DriverException;
import io.millwright.driver.FaultKind;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Reads properties of objects: of one, or of many in pages. */
final class Collector {
  /** So many objects at once; a page of machines is some megabytes then. */
  static final int PAGE = 250;

  /** Two thirds of a machine's devices, and of each of the rest a half, which no list is for. */
  private static final Set<String> UNUSED =
      Set.of(
          "VirtualIDEController",
          "VirtualPS2Controller",
          "VirtualPCIController",
          "VirtualSIOController",
          "VirtualKeyboard",
          "VirtualPointingDevice",
          "VirtualMachineVideoCard",
          "VirtualMachineVMCIDevice",
          "deviceInfo",
          "connectable",
          "slotInfo",
          "shares",
          "storageIOAllocation");

  private final Vim vim;

  Collector(Vim vim) {
    this.vim = vim;
  }

  /**
   * An object and what was read of it.
   *
   * @param faults type of the fault, by the property that could not be read
   */
  record Found(Ref ref, Map<String, Element> properties, Map<String, String> faults) {
    static Found of(Element content) {
      Map<String, Element> properties = new HashMap<>();
      Map<String, String> faults = new HashMap<>();
      for (Element told : content.children()) {
        if (told.name().equals("propSet")) {
          told.find("val").ifPresent(value -> properties.put(told.text("name"), value));
        } else if (told.name().equals("missingSet")) {
          faults.put(
              told.text("path"),
              told.find("fault", "fault").map(Element::type).orElse("MissingProperty"));
        }
      }
      return new Found(
          content.find("obj").map(Element::ref).orElse(new Ref("", "")), properties, faults);
    }

    Optional<Element> get(String property) {
      return Optional.ofNullable(properties.get(property));
    }

    String text(String property) {
      return get(property).map(Element::text).orElse("");
    }

    long number(String property) {
      String text = text(property);
      return text.isEmpty() ? 0 : Long.parseLong(text);
    }

    /** The objects that this property names. */
    List<Ref> refs(String property) {
      return get(property)
          .map(list -> list.all("ManagedObjectReference").map(Element::ref).toList())
          .orElse(List.of());
    }
  }

  /** Reads these properties of one object. */
  Found read(Ref object, String... paths) throws DriverException, VimFault {
    Element answer =
        vim.call(
            vim.content().properties(),
            "RetrievePropertiesEx",
            new Element("specSet")
                .add(properties(object.type(), paths))
                .add(new Element("objectSet").add(object.as("obj")).add("skip", false)),
            new Element("options"));
    return Vim.value(answer)
        .all("objects")
        .findFirst()
        .map(Found::of)
        .orElse(new Found(object, Map.of(), Map.of()));
  }

  /**
   * Reads these properties of all objects of a view.
   *
   * @param empty what they are taken into; asked again if the list has to be read anew
   */
  <T> T list(
      List<String> types,
      String type,
      List<String> paths,
      Supplier<T> empty,
      BiConsumer<T, Found> take)
      throws DriverException, VimFault {
    try {
      return listOnce(types, type, paths, empty.get(), take);
    } catch (VimFault e) {
      // A view ends with its session, and so does a list of which not all pages were told.
      if (!e.is("ManagedObjectNotFound", "InvalidArgument")) {
        throw e;
      }
      vim.forgetViews();
      return listOnce(types, type, paths, empty.get(), take);
    }
  }

  private <T> T listOnce(
      List<String> types, String type, List<String> paths, T into, BiConsumer<T, Found> take)
      throws DriverException, VimFault {
    Ref view = vim.view(types.toArray(String[]::new));
    Found root = from(view, "view", "recursive", type, paths, found -> take.accept(into, found));
    if (!root.faults().isEmpty()) {
      throw new DriverException(
          FaultKind.UNREACHABLE,
          "The hypervisor does not answer, or not so that it can be trusted.",
          "the list of " + type + " cannot be read: " + root.faults(),
          null);
    }
    return into;
  }

  /**
   * Reads these properties of all objects of a type that this object names in a property.
   *
   * @return the object, with the faults if it could not be read what it names
   */
  Found follow(Ref from, String property, String type, List<String> paths, Consumer<Found> each)
      throws DriverException, VimFault {
    return from(from, property, property, type, paths, each);
  }

  /**
   * The objects that one names are none if it may not be read which they are, and nothing else
   * tells that: so it is asked about itself as well.
   *
   * @param told a property of the one that is read with that
   */
  private Found from(
      Ref from, String path, String told, String type, List<String> paths, Consumer<Found> each)
      throws DriverException, VimFault {
    AtomicReference<Found> root =
        new AtomicReference<>(new Found(from, Map.of(), Map.of(told, "was not told of")));
    page(
        filter(from, path, type, paths, told),
        found -> {
          if (found.ref().equals(from)) {
            root.set(found);
          } else {
            each.accept(found);
          }
        });
    return root.get();
  }

  /**
   * Reads these properties of objects of one type.
   *
   * @throws VimFault ManagedObjectNotFound if one of them is gone
   */
  void read(List<Ref> objects, List<String> paths, Consumer<Found> each)
      throws DriverException, VimFault {
    for (int from = 0; from < objects.size(); from += PAGE) {
      List<Ref> some = objects.subList(from, Math.min(from + PAGE, objects.size()));
      Element spec =
          new Element("specSet")
              .add(properties(some.getFirst().type(), paths.toArray(String[]::new)));
      some.forEach(o -> spec.add(new Element("objectSet").add(o.as("obj")).add("skip", false)));
      page(spec, each);
    }
  }

  private void page(Element spec, Consumer<Found> each) throws DriverException, VimFault {
    Ref collector = vim.content().properties();
    Consumer<Element> take = object -> each.accept(Found.of(object));
    Element answer =
        vim.list(
            "objects",
            UNUSED,
            take,
            collector,
            "RetrievePropertiesEx",
            spec,
            new Element("options").add("maxObjects", PAGE));
    while (true) {
      String token = Vim.value(answer).text("token");
      if (token.isEmpty()) {
        return;
      }
      answer =
          vim.list(
              "objects",
              UNUSED,
              take,
              collector,
              "ContinueRetrievePropertiesEx",
              new Element("token").holding(token));
    }
  }

  /**
   * A PropertyFilterSpec of the objects that one names in a property of its own.
   *
   * @param of that one, what is asked of it too
   */
  static Element filter(Ref from, String path, String type, List<String> paths, String... of) {
    Element spec = new Element("specSet").add(properties(type, paths.toArray(String[]::new)));
    if (of.length > 0) {
      spec.add(properties(from.type(), of));
    }
    return spec.add(
        new Element("objectSet")
            .add(from.as("obj"))
            .add("skip", of.length == 0)
            .add(
                new Element("selectSet")
                    .type("TraversalSpec")
                    .add("type", from.type())
                    .add("path", path)
                    .add("skip", false)));
  }

  private static Element properties(String type, String... paths) {
    Element out = new Element("propSet").add("type", type).add("all", false);
    for (String path : paths) {
      out.add("pathSet", path);
    }
    return out;
  }
}
