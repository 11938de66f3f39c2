package io.millwright.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.millwright.model.Ip;
import io.millwright.model.Mac;
import io.millwright.model.MachineStatus;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FirstBootReportTest {
  private static final String KEY = Samples.KEY.substring(0, Samples.KEY.lastIndexOf(' '));

  private static FirstBootReport parse(String json) {
    return FirstBootReport.parse(json.getBytes(StandardCharsets.UTF_8));
  }

  private static String report(String keys, String interfaces, String scripts) {
    return "{\"hostKeys\":["
        + keys
        + "],\"interfaces\":["
        + interfaces
        + "],\"scripts\":["
        + scripts
        + "]}";
  }

  @Test
  void isReadAsItIs() {
    assertThat(
            parse(
                report(
                    '"' + KEY + '"',
                    "{\"name\":\"nic0\",\"mac\":\"52:54:00:00:00:01\",\"addresses\":[\"10.0.0.5\",\"fd00::5\"]},"
                        + "{\"mac\":\"52:54:00:00:00:02\",\"addresses\":[]}",
                    "{\"name\":\"setup\",\"exitCode\":3,\"output\":\"one\\ntwo\"}")))
        .isEqualTo(
            new FirstBootReport(
                List.of(KEY),
                List.of(
                    new FirstBootReport.Interface(
                        "nic0", Mac.ofQemu(1), List.of(Ip.parse("10.0.0.5"), Ip.parse("fd00::5"))),
                    new FirstBootReport.Interface(null, Mac.ofQemu(2), List.of())),
                List.of(new MachineStatus.ScriptResult("setup", 3, "one\ntwo")),
                List.of(),
                null));
  }

  @Test
  void aKeyOfATypeThatNobodyChecksIsLeftOut() {
    assertThat(parse(report("\"ssh-dss AAAAB3NzaC1kc3MAAACB\",\"" + KEY + '"', "", "")).hostKeys())
        .containsExactly(KEY);
  }

  @Test
  void tellsWhatWasFoundOnDataDisks() {
    String said = report("", "", "");
    String told = said.substring(0, said.length() - 1) + ",\"volumes\":[%s]}";
    assertThat(parse(told.formatted("{\"serial\":\"mw-1\",\"formatted\":true}")).volumes())
        .containsExactly(new FirstBootReport.Volume("mw-1", true));
    for (String wrong :
        List.of(
            "{\"serial\":\"mw-1\"}",
            "{\"serial\":\"a b\",\"formatted\":true}",
            "{\"serial\":\"mw-1\",\"formatted\":true,\"x\":1}")) {
      assertThatThrownBy(() -> parse(told.formatted(wrong))).isInstanceOf(ProblemException.class);
    }
  }

  @Test
  void outputCannotPlayTricks() {
    assertThat(
            parse(
                    report(
                        "",
                        "",
                        "{\"name\":\"x\",\"exitCode\":0,\"output\":\"a\\u0000\\u001b[31m\\u202e\\r\\n\\tb\"}"))
                .scripts()
                .getFirst()
                .output())
        .isEqualTo("a\ufffd\ufffd[31m\ufffd\n\tb");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "{}",
        "{\"hostKeys\":[],\"interfaces\":[],\"scripts\":[],\"more\":1}",
        "{\"hostKeys\":[],\"hostKeys\":[],\"interfaces\":[],\"scripts\":[]}",
        "{\"hostKeys\":[],\"interfaces\":[],\"scripts\":[]} x",
        "{\"hostKeys\":[null],\"interfaces\":[],\"scripts\":[]}",
        "{\"hostKeys\":[\"ssh-ed25519 AAAA\"],\"interfaces\":[],\"scripts\":[]}",
        "{\"hostKeys\":[\"ssh-rsa"
            + " AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz\"],"
            + "\"interfaces\":[],\"scripts\":[]}",
        "{\"hostKeys\":[\"ssh-ed25519"
            + " AAAAC3NzaC1lZDI1NTE5AAAAIB9kVvhDlJmNrbTBeCkBYfQY1x7vXPIkGzsLAfUMVVvz\\nx\"],"
            + "\"interfaces\":[],\"scripts\":[]}",
        "{\"hostKeys\":[],\"interfaces\":[{\"mac\":\"x\",\"addresses\":[]}],\"scripts\":[]}",
        "{\"hostKeys\":[],\"interfaces\":[{\"mac\":\"52:54:00:00:00:01\",\"addresses\":[\"h\"]}],\"scripts\":[]}",
        "{\"hostKeys\":[],\"interfaces\":[{\"mac\":\"52:54:00:00:00:01\"}],\"scripts\":[]}",
        "{\"hostKeys\":[],\"interfaces\":[],\"scripts\":[{\"name\":\"x\",\"exitCode\":256,\"output\":\"\"}]}",
        "{\"hostKeys\":[],\"interfaces\":[],\"scripts\":[{\"name\":\"A"
            + " b\",\"exitCode\":0,\"output\":\"\"}]}",
        "{\"hostKeys\":[],\"interfaces\":[],\"scripts\":[{\"name\":\"x\",\"exitCode\":\"0\"}]}",
        "{\"hostKeys\":[[[[[[[[[[[[[]]]]]]]]]]]]]}",
      })
  void whatIsNoReportIsRefused(String body) {
    assertThatThrownBy(() -> parse(body))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().type()).isEqualTo(Problem.Type.INVALID));
  }

  @Test
  void tooMuchIsRefused() {
    String big = "x".repeat(8193);
    assertThatThrownBy(() ->
            parse(report("", "", "{\"name\":\"x\",\"exitCode\":0,\"output\":\"" + big + "\"}")))
        .isInstanceOf(ProblemException.class);
    String keys = String.join(",", java.util.Collections.nCopies(17, '"' + KEY + '"'));
    assertThatThrownBy(() -> parse(report(keys, "", ""))).isInstanceOf(ProblemException.class);
    assertThatThrownBy(() -> FirstBootReport.parse(new byte[FirstBootReport.LARGEST + 1]))
        .isInstanceOfSatisfying(
            ProblemException.class,
            e -> assertThat(e.problem().type()).isEqualTo(Problem.Type.TOO_LARGE));
  }

  @Property
  void anyBytesAreAReportOrAProblem(@ForAll byte[] body) {
    try {
      FirstBootReport.parse(body);
    } catch (ProblemException e) {
      assertThat(e.problem().detail()).isNotEmpty();
    }
  }
}
