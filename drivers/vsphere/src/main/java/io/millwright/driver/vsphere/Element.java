package io.millwright.driver.vsphere;

import com.ctc.wstx.stax.WstxInputFactory;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.codehaus.stax2.XMLInputFactory2;
import org.jspecify.annotations.Nullable;

/**
 * An XML element without its namespaces: what vim25 messages are made of. Made by chaining, in the
 * order of the schema.
 */
final class Element {
  private static final String XSI = "http://www.w3.org/2001/XMLSchema-instance";
  private static final XMLInputFactory READERS = readers();

  private final String name;

  /** Most elements have none, and then this list is nobody's own. */
  private List<Element> children = List.of();

  /** The schema type ({@code xsi:type}) without its prefix, or null. */
  private @Nullable String type;

  /** The kind of the object that is referred to (attribute {@code type}), or null. */
  private @Nullable String ref;

  private String text = "";

  Element(String name) {
    this.name = name;
  }

  private static XMLInputFactory readers() {
    XMLInputFactory out = new WstxInputFactory();
    out.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    out.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    out.setProperty(XMLInputFactory.IS_COALESCING, true);
    // What is wrong is told when it is reached, by the exception that is declared for it.
    out.setProperty(XMLInputFactory2.P_LAZY_PARSING, false);
    return out;
  }

  // ------------------------------------------------------------------------------------ writing

  Element type(String schemaType) {
    this.type = schemaType;
    return this;
  }

  Element ref(String kind) {
    this.ref = kind;
    return this;
  }

  Element holding(String content) {
    this.text = content;
    return this;
  }

  Element add(Element child) {
    if (children.isEmpty()) {
      children = new ArrayList<>();
    }
    children.add(child);
    return this;
  }

  Element add(String child, String content) {
    return add(new Element(child).holding(content));
  }

  Element add(String child, long content) {
    return add(child, Long.toString(content));
  }

  Element add(String child, boolean content) {
    return add(child, Boolean.toString(content));
  }

  /** The same under another name. */
  Element named(String other) {
    Element out = new Element(other);
    out.type = type;
    out.ref = ref;
    out.text = text;
    children.forEach(out::add);
    return out;
  }

  /** Puts this content in the place of a child's that is there. */
  Element with(String child, String content) {
    children.stream()
        .filter(c -> c.name.equals(child))
        .findFirst()
        .ifPresent(c -> c.holding(content));
    return this;
  }

  /**
   * Puts a child in the place of the one of its name.
   *
   * @throws IllegalArgumentException if there is none
   */
  Element with(Element child) {
    for (int i = 0; i < children.size(); i++) {
      if (children.get(i).name.equals(child.name)) {
        children.set(i, child);
        return this;
      }
    }
    throw new IllegalArgumentException(name + " has no " + child.name);
  }

  void write(StringBuilder out) {
    out.append('<').append(name);
    if (type != null) {
      out.append(" xsi:type=\"");
      // Simple types are of the XML schema, all others of vim25.
      out.append(Character.isLowerCase(type.charAt(0)) ? "xsd:" : "").append(type).append('"');
    }
    if (ref != null) {
      out.append(" type=\"").append(ref).append('"');
    }
    out.append('>');
    escape(text, out);
    for (Element child : children) {
      child.write(out);
    }
    out.append("</").append(name).append('>');
  }

  private static void escape(String text, StringBuilder out) {
    int plain = 0;
    while (plain < text.length() && isPlain(text.charAt(plain))) {
      plain++;
    }
    out.append(text, 0, plain); // which is all of it, as a rule
    for (int i = plain; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '&' -> out.append("&amp;");
        case '\r' -> out.append("&#13;");
        case '\t', '\n' -> out.append(c);
        default -> {
          if (c < 0x20 || c == 0xFFFE || c == 0xFFFF) {
            throw new IllegalArgumentException("a text holds a character that XML cannot");
          }
          out.append(c);
        }
      }
    }
  }

  private static boolean isPlain(char c) {
    return c >= 0x20 && c < 0xFFFE && c != '<' && c != '>' && c != '&';
  }

  // ------------------------------------------------------------------------------------ reading

  /** Reads a document; reads no entities from anywhere. */
  static Element read(byte[] document) throws XMLStreamException {
    return read(new ByteArrayInputStream(document), Set.of(), _ -> true);
  }

  /**
   * Reads a document while it comes.
   *
   * @param without names and schema types of elements that are passed over, with all in them
   * @param keep is shown every element when it is whole; one that it does not keep is in none
   */
  static Element read(InputStream document, Set<String> without, Predicate<Element> keep)
      throws XMLStreamException {
    XMLStreamReader in = READERS.createXMLStreamReader(document);
    try {
      while (in.next() != XMLStreamConstants.START_ELEMENT) {
        // what stands before the root
      }
      Element out = read(in, begun(in), without, keep);
      while (in.hasNext()) {
        in.next(); // to its end, or its connection could not be used again
      }
      return out;
    } finally {
      in.close();
    }
  }

  private static Element begun(XMLStreamReader in) {
    Element out = new Element(in.getLocalName());
    for (int i = 0; i < in.getAttributeCount(); i++) {
      if (in.getAttributeLocalName(i).equals("type")) {
        String value = in.getAttributeValue(i);
        if (XSI.equals(in.getAttributeNamespace(i))) {
          out.type = value.substring(value.indexOf(':') + 1);
        } else {
          out.ref = value;
        }
      }
    }
    return out;
  }

  private static Element read(
      XMLStreamReader in, Element out, Set<String> without, Predicate<Element> keep)
      throws XMLStreamException {
    String text = "";
    boolean leaf = true;
    while (true) {
      switch (in.next()) {
        case XMLStreamConstants.START_ELEMENT -> {
          leaf = false;
          if (without.contains(in.getLocalName())) {
            passOver(in);
            continue;
          }
          Element child = begun(in);
          if (child.type != null && without.contains(child.type)) {
            passOver(in);
          } else if (keep.test(read(in, child, without, keep))) {
            out.add(child);
          }
        }
        // A text that stands between elements is only there to be looked at.
        case XMLStreamConstants.CHARACTERS -> {
          if (leaf) {
            text += in.getText();
          }
        }
        case XMLStreamConstants.END_ELEMENT -> {
          out.text = leaf ? text : "";
          return out;
        }
        default -> {}
      }
    }
  }

  /** To the end of the element that has begun. */
  private static void passOver(XMLStreamReader in) throws XMLStreamException {
    for (int open = 1; open > 0; ) {
      switch (in.next()) {
        case XMLStreamConstants.START_ELEMENT -> open++;
        case XMLStreamConstants.END_ELEMENT -> open--;
        default -> {}
      }
    }
  }

  String name() {
    return name;
  }

  String text() {
    return text;
  }

  /** Its schema type, or an empty text. */
  String type() {
    return type == null ? "" : type;
  }

  Ref ref() {
    return new Ref(ref == null ? "" : ref, text);
  }

  List<Element> children() {
    return children;
  }

  Stream<Element> all(String child) {
    return children.stream().filter(c -> c.name.equals(child));
  }

  /** What is found by going down these names, the first one of each. */
  Optional<Element> find(String... path) {
    return Optional.ofNullable(at(path));
  }

  /** By plain loops, since each answer is gone through many times. */
  private @Nullable Element at(String... path) {
    Element at = this;
    for (String step : path) {
      Element next = null;
      for (Element child : at.children) {
        if (child.name.equals(step)) {
          next = child;
          break;
        }
      }
      if (next == null) {
        return null;
      }
      at = next;
    }
    return at;
  }

  /** The text that is found there, or an empty one. */
  String text(String... path) {
    Element found = at(path);
    return found == null ? "" : found.text;
  }

  /** The number that is found there, or 0. */
  long number(String... path) {
    String found = text(path);
    try {
      return found.isEmpty() ? 0 : Long.parseLong(found);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
