package io.millwright.driver.vsphere;

import java.util.Arrays;

/** vSphere understood a request and answered with a fault, or goes on with it. */
sealed class VimFault extends Exception permits Tasks.GoesOn {
  private static final long serialVersionUID = 1L;

  private final String type;
  private final transient Element detail;

  VimFault(String type, String words, Element detail) {
    super(words);
    this.type = type;
    this.detail = detail;
  }

  /** Of a SOAP message's {@code Fault}. */
  static VimFault of(Element fault) {
    Element detail =
        fault
            .find("detail")
            .flatMap(d -> d.children().stream().findFirst())
            .orElse(new Element("fault"));
    String type = detail.type().isEmpty() ? detail.name() : detail.type();
    return new VimFault(type, fault.text("faultstring").strip(), detail);
  }

  /** Of a {@code LocalizedMethodFault}, as in a task that failed. */
  static VimFault ofTask(Element error) {
    Element detail = error.find("fault").orElse(error);
    String type = detail.type().isEmpty() ? "SystemError" : detail.type();
    return new VimFault(type, error.text("localizedMessage").strip(), detail);
  }

  /** The same, of which was found out what it means. */
  VimFault as(String meaning) {
    return new VimFault(meaning, type + ": " + getMessage(), detail);
  }

  String type() {
    return type;
  }

  Element detail() {
    return detail;
  }

  boolean is(String... types) {
    return Arrays.asList(types).contains(type);
  }

  /** vSphere's own words, for operators. */
  String operator() {
    String words = String.valueOf(getMessage());
    StringBuilder out = new StringBuilder(type);
    if (!words.isEmpty() && !words.equals(type)) {
      out.append(": ").append(words);
    }
    for (String field :
        new String[] {"privilegeId", "name", "file", "invalidProperty", "existingState"}) {
      String value = detail.text(field);
      if (!value.isEmpty() && !words.contains(value)) {
        out.append("; ").append(field).append(' ').append(value);
      }
    }
    return out.toString();
  }
}
