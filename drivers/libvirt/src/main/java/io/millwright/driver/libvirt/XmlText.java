package io.millwright.driver.libvirt;

import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;

/** Writes XML for libvirt, escaped and indented. Attributes are given as name, value, ... */
final class XmlText {
  private static final XMLOutputFactory FACTORY = XMLOutputFactory.newDefaultFactory();

  private final StringWriter out = new StringWriter();
  private final XMLStreamWriter writer;
  private int depth;

  XmlText() {
    try {
      writer = FACTORY.createXMLStreamWriter(out);
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e); // it writes to memory
    }
  }

  /** An element with what {@code content} writes in it. */
  XmlText in(String element, Runnable content, String... attributes) {
    try {
      indent();
      writer.writeStartElement(element);
      attributes(attributes);
      depth++;
      content.run();
      depth--;
      indent();
      writer.writeEndElement();
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e);
    }
    return this;
  }

  /** An element with text only. */
  void leaf(String element, String text, String... attributes) {
    try {
      indent();
      writer.writeStartElement(element);
      attributes(attributes);
      writer.writeCharacters(legal(text));
      writer.writeEndElement();
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e);
    }
  }

  /** An element without content. */
  void empty(String element, String... attributes) {
    try {
      indent();
      writer.writeEmptyElement(element);
      attributes(attributes);
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e);
    }
  }

  /** An element as it was read, with all that is in it but what is called so. */
  void copy(Element element, Set<String> without) {
    List<String> attributes = new ArrayList<>();
    NamedNodeMap there = element.getAttributes();
    for (int i = 0; i < there.getLength(); i++) {
      attributes.add(there.item(i).getNodeName());
      attributes.add(there.item(i).getNodeValue());
    }
    List<Element> children = new ArrayList<>();
    for (Node n = element.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element child) {
        children.add(child);
      }
    }
    String[] given = attributes.toArray(String[]::new);
    if (!children.isEmpty()) {
      in(
          element.getNodeName(),
          () ->
              children.stream()
                  .filter(child -> !without.contains(child.getNodeName()))
                  .forEach(child -> copy(child, without)),
          given);
    } else if (element.getTextContent().isBlank()) {
      empty(element.getNodeName(), given);
    } else {
      leaf(element.getNodeName(), element.getTextContent().strip(), given);
    }
  }

  private void attributes(String... attributes) throws XMLStreamException {
    for (int i = 0; i < attributes.length; i += 2) {
      writer.writeAttribute(attributes[i], legal(attributes[i + 1]));
    }
  }

  private void indent() throws XMLStreamException {
    if (depth > 0 || out.getBuffer().length() > 0) {
      writer.writeCharacters("\n" + "  ".repeat(depth));
    }
  }

  /** The writer escapes, but lets through characters that no XML document can hold. */
  private static String legal(String text) {
    if (text.chars().anyMatch(c -> c < 0x20 || c == 0xfffe || c == 0xffff)) {
      throw new IllegalArgumentException("a control character in " + text.strip());
    }
    return text;
  }

  @Override
  public String toString() {
    try {
      writer.flush();
    } catch (XMLStreamException e) {
      throw new IllegalStateException(e);
    }
    return out.append('\n').toString();
  }
}
