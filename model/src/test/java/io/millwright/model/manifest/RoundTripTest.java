package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.model.Any;
import io.millwright.model.Kind;
import io.millwright.model.ProfileSpec;
import io.millwright.model.Spec;
import io.millwright.model.Status;
import io.millwright.model.Violations;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What is written can be read, and says the same. */
class RoundTripTest {

  @Property
  void specsAreStoredWithoutLoss(@ForAll("specs") Spec spec) {
    assertThat(Json.read(Json.write(spec), spec.getClass())).isEqualTo(spec);
  }

  @Property
  void statusesAreStoredWithoutLoss(@ForAll("statuses") Status status) {
    assertThat(Json.read(Json.write(status), status.getClass())).isEqualTo(status);
  }

  @Property
  void manifestsInJsonAreReadAsTheyWereWritten(@ForAll("specs") Spec spec) {
    assertThat(decode(JsonReader.documents(Json.write(spec)).getFirst(), spec)).isEqualTo(spec);
  }

  @Property
  void manifestsInYamlAreReadAsTheyWereWritten(@ForAll("specs") Spec spec) {
    assertThat(decode(YamlReader.documents(Json.yaml(spec)).getFirst(), spec)).isEqualTo(spec);
  }

  @Property
  void textsKeepEveryCharacter(@ForAll("texts") String text) {
    ProfileSpec.Script script = new ProfileSpec.Script("a", text);
    assertThat(Json.read(Json.write(script), ProfileSpec.Script.class)).isEqualTo(script);
    Node read = YamlReader.documents(Json.yaml(script)).getFirst();
    assertThat(Decoder.record(ProfileSpec.Script.class, read, Violations.at(""), Set.of()))
        .isEqualTo(script);
  }

  @Provide
  Arbitrary<String> texts() {
    return Any.text();
  }

  @Property
  void writingIsStable(@ForAll("specs") Spec spec) {
    assertThat(Diff.between(Json.tree(spec), Json.tree(spec))).isEmpty();
    assertThat(Json.write(Json.read(Json.write(spec), spec.getClass())))
        .isEqualTo(Json.write(spec));
  }

  private static Spec decode(Node node, Spec like) {
    Violations at = Violations.at("spec");
    Spec read = Decoder.record(like.getClass(), node, at, Set.of());
    assertThat(at.list()).isEmpty();
    if (read == null) {
      throw new AssertionError("nothing was read");
    }
    return read;
  }

  @Provide
  Arbitrary<Spec> specs() {
    return Arbitraries.of(Kind.values()).flatMap(k -> Any.of(k.specType()).map(Spec.class::cast));
  }

  @Provide
  Arbitrary<Status> statuses() {
    return Arbitraries.of(Kind.values())
        .flatMap(k -> Any.of(k.statusType()).map(Status.class::cast));
  }
}
