package io.millwright.model.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.millwright.model.Any;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.Names;
import io.millwright.model.OfferSpec;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Violation;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class FormTest {
  private static final String OFFER =
      """
      apiVersion: millwright/v1
      kind: Offer
      metadata: {name: web}
      spec:
        parameters:
          - {name: name, type: string, pattern: "[a-z-]+", example: web}
          - {name: note, type: string, preset: "", maxLength: 1000}
          - {name: size, type: enum, options: [small, large], preset: small}
          - {name: wait, type: integer, min: 10, max: 100, preset: 60}
          - {name: sudo, type: boolean, preset: false}
        manifests:
          - apiVersion: millwright/v1
            kind: Profile
            metadata: {name: "${{ name }}-me"}
            spec: {users: [{name: me, sudo: "${{ sudo }}"}]}
          - apiVersion: millwright/v1
            kind: Machine
            metadata:
              name: ${{name}}
              annotations: {whole: "${{ note }}", part: "<${{ note }}|${{ note }}>", shell: "${X} $${{ note }}"}
            spec: {image: debian, size: "${{ size }}", profiles: ["${{ name }}-me"], readyTimeoutSeconds: "${{ wait }}"}
      """;

  private static OfferSpec offer(String manifest) {
    return (OfferSpec) ManifestsTest.parse(manifest).getFirst().spec();
  }

  private static List<String> fields(Map<String, String> values) {
    ProblemException e =
        catchThrowableOfType(
            ProblemException.class, () -> Form.fill(offer(OFFER), values, "Offer web"));
    return e.problem().errors().stream().map(Violation::field).toList();
  }

  private static String wrong(String manifest) {
    return catchThrowableOfType(ProblemException.class, () -> offer(manifest))
        .problem()
        .errors()
        .stream()
        .map(v -> v.field() + ": " + v.message())
        .toList()
        .toString();
  }

  /** Whatever an annotation may be, it stands where the hole was and nowhere else. */
  @Property
  void anyTextStaysText(@ForAll("texts") String note) {
    List<Draft> plain = Form.fill(offer(OFFER), Map.of("name", "web"), "Offer web");
    List<Draft> filled = Form.fill(offer(OFFER), Map.of("name", "web", "note", note), "Offer web");
    assertThat(filled.get(1).annotations())
        .isEqualTo(
            Map.of(
                "whole", note, "part", "<" + note + "|" + note + ">", "shell", "${X} ${{ note }}"));
    assertThat(filled.getFirst()).isEqualTo(plain.getFirst());
    assertThat(filled.get(1).spec()).isEqualTo(plain.get(1).spec());
    assertThat(filled).extracting(Draft::kind).containsExactly(Kind.PROFILE, Kind.MACHINE);
    // And it is the same when it was written down and read again, as an approval keeps it.
    assertThat(ManifestsTest.parse(Json.yaml(filled.get(1).manifest())).getFirst())
        .extracting(Draft::annotations, Draft::spec)
        .containsExactly(filled.get(1).annotations(), filled.get(1).spec());
  }

  /** A value with a hole in it is not filled once more. */
  @Test
  void valuesHaveNoHoles() {
    List<Draft> filled =
        Form.fill(offer(OFFER), Map.of("name", "web", "note", "${{ name }}"), "Offer web");
    assertThat(filled.get(1).annotations()).containsEntry("part", "<${{ name }}|${{ name }}>");
  }

  @Provide
  Arbitrary<String> texts() {
    return Any.text().filter(Names::isText);
  }

  @Test
  void valuesHaveTheirTypes() {
    List<Draft> filled =
        Form.fill(
            offer(OFFER),
            Map.of("name", "web", "size", "large", "wait", "99", "sudo", "true"),
            "Offer web");
    MachineSpec machine = (MachineSpec) filled.get(1).spec();
    assertThat(machine.size()).isEqualTo("large");
    assertThat(machine.readyTimeoutSeconds()).isEqualTo(99);
    assertThat(filled.get(1).name()).isEqualTo("web");
    assertThat(((io.millwright.model.ProfileSpec) filled.getFirst().spec()).users().getFirst())
        .matches(io.millwright.model.ProfileSpec.User::sudo);
  }

  @Test
  void aWrongValueIsCalledByItsParameter() {
    assertThat(fields(Map.of())).containsExactly("parameters.name");
    assertThat(
            fields(Map.of("name", "Web", "size", "huge", "wait", "101", "sudo", "yes", "nmae", "")))
        .containsExactlyInAnyOrder(
            "parameters.name",
            "parameters.size",
            "parameters.wait",
            "parameters.sudo",
            "parameters.nmae");
    assertThat(fields(Map.of("name", "web", "wait", "99999999999999999999")))
        .containsExactly("parameters.wait");
    assertThat(fields(Map.of("name", "web", "wait", "5 "))).containsExactly("parameters.wait");
    assertThat(fields(Map.of("name", "web", "note", "x".repeat(1001))))
        .containsExactly("parameters.note");
    // What the parameter lets through, the manifest may still refuse.
    assertThat(fields(Map.of("name", "-"))).first().asString().endsWith("metadata.name");
  }

  @Test
  void anOfferThatCannotBeOrderedIsNotPublished() {
    assertThat(wrong(OFFER.replace("${{ size }}", "${{ sizze }}")))
        .contains("spec.manifests[1].spec.size: \\\"sizze\\\" is no parameter".replace("\\", ""))
        .contains("spec.parameters[2]: stands nowhere");
    assertThat(wrong(OFFER.replace("image: debian", "imagee: debian")))
        .contains("with the presets and examples, Machine web: spec.imagee: is unknown");
    assertThat(wrong(OFFER.replace("{name: me,", "{name: me, passwordHash: $6$abcdefgh$0123,")))
        .contains("spec.manifests[0]: has the passwordHash of somebody");
    assertThat(wrong(OFFER.replace("kind: Profile", "kind: Hypervisor")))
        .contains("spec.manifests[0].kind: must be one of Machine");
    assertThat(wrong(OFFER.replace("{name: \"${{ name }}-me\"}", "{name: a, project: shop}")))
        .contains("spec.manifests[0].metadata.project: must be left out");
    assertThat(wrong(OFFER.replace(", example: web", "")))
        .contains("spec.parameters[0].example: is missing");
    assertThat(wrong(OFFER.replace("preset: 60", "preset: 600")))
        .contains("[3].preset: must be 10");
    assertThat(wrong(OFFER.replace("preset: false", "pattern: a")))
        .contains("[4].pattern: is for the type string only");
    assertThat(wrong(OFFER.replace("[a-z-]+", "[a-z"))).contains("[0].pattern: is no regular");
  }

  /** A pattern that would take years, and one that needs more stack than there is. */
  @Test
  void aPatternCannotHoldAnybodyUp() {
    for (String pattern : List.of("(a|a)*b", "(a+)+b", "(a|b|c)*b")) {
      OfferSpec offer =
          offer(
              OFFER
                  .replace("[a-z-]+", pattern)
                  .replace("example: web", "example: " + "ab" + ", maxLength: 60000"));
      ProblemException e =
          catchThrowableOfType(
              ProblemException.class,
              () -> Form.fill(offer, Map.of("name", "a".repeat(60_000)), "Offer web"));
      assertThat(e.problem().detail()).startsWith("parameters.name: ");
    }
  }

  @Test
  void aLongValueInManyHolesIsTooLarge() {
    String many = "<${{ note }}>".repeat(2000);
    OfferSpec offer =
        offer(
            OFFER
                .replace("maxLength: 1000", "maxLength: 60000")
                .replace("<${{ note }}|${{ note }}>", many));
    ProblemException e =
        catchThrowableOfType(
            ProblemException.class,
            () -> Form.fill(offer, Map.of("name", "web", "note", "x".repeat(60_000)), "Offer web"));
    assertThat(e.problem().type()).isEqualTo(Problem.Type.TOO_LARGE);
  }
}
