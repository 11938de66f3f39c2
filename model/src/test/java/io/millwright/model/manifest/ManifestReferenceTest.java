package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ManifestReferenceTest {
  /** The module; Surefire says where it is. */
  private static final Path MODULE = Path.of(System.getProperty("basedir", "."));

  private static final Path REFERENCE = MODULE.resolve("../docs/manifest.md");

  @Test
  void isUpToDate() throws Exception {
    SourceDocs docs = SourceDocs.read(MODULE.resolve("src/main/java/io/millwright/model"));
    ManifestReference reference = new ManifestReference(docs, ManifestReferenceTest::example);
    String text = reference.write();
    assertThat(reference.undescribed).as("fields without @param in their Javadoc").isEmpty();
    if (Boolean.getBoolean("docs.update")) {
      Files.createDirectories(REFERENCE.getParent());
      Files.writeString(REFERENCE, text);
    }
    assertThat(REFERENCE)
        .as("written with: mvn -pl model test -Dtest=ManifestReferenceTest -Ddocs.update=true")
        .hasContent(text);
  }

  @ParameterizedTest
  @EnumSource
  void examplesAreGood(Kind kind) {
    List<Draft> drafts = ManifestsTest.parse(example(kind));
    assertThat(drafts).extracting(Draft::kind).containsOnly(kind);
    for (Draft draft : drafts) {
      Node again = YamlReader.documents(Json.yaml(draft.spec())).getFirst();
      assertThat(
              Decoder.record(
                  kind.specType(), again, io.millwright.model.Violations.at(""), Set.of()))
          .isEqualTo(draft.spec());
    }
  }

  @ParameterizedTest
  @EnumSource
  void examplesShowEveryField(Kind kind) {
    Set<String> shown = new HashSet<>();
    YamlReader.documents(example(kind)).forEach(d -> collect(d, shown));
    Set<String> known = names(kind.specType());
    if (kind == Kind.GROUP || kind == Kind.POOL) {
      known.remove("mac"); // of one machine alone
    }
    if (kind == Kind.IMAGE) {
      known.removeAll(names(io.millwright.model.MachineSpec.Nic.class)); // as machines have them
    }
    if (kind == Kind.POOL) {
      known.removeAll(names(io.millwright.model.MachineTemplate.VolumeTemplate.class));
      known.remove("volumes"); // pools have none
      known.add("size");
    }
    assertThat(shown).containsAll(known);
  }

  private static String example(Kind kind) {
    String name = "/examples/" + kind.title().toLowerCase(Locale.ROOT) + ".yaml";
    try (InputStream in = ManifestReferenceTest.class.getResourceAsStream(name)) {
      assertThat(in).as(name).isNotNull();
      return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void collect(Node node, Set<String> into) {
    switch (node) {
      case Node.Fields map ->
          map.fields()
              .forEach((key, field) -> {
                into.add(key);
                collect(field.value(), into);
              });
      case Node.Items list -> list.items().forEach(i -> collect(i, into));
      case Node.Scalar _ -> {}
    }
  }

  private static Set<String> names(Class<?> type) {
    Set<String> out = new HashSet<>();
    for (RecordComponent c : type.getRecordComponents()) {
      out.add(c.getName());
      Type element =
          c.getGenericType() instanceof ParameterizedType g
              ? g.getActualTypeArguments()[0]
              : c.getType();
      if (element instanceof Class<?> inner
          && inner.isRecord()
          && ManifestReference.kind(inner).isEmpty()
          && Decoder.parser(inner).isEmpty()) {
        out.addAll(names(inner));
      }
    }
    return out;
  }
}
