package io.millwright.images;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an installer printed on the serial console so far, read for what it tells of the
 * installation; pure.
 *
 * <p>Installers paint screens. What only paints, and what goes on when nothing else does, is left
 * out of the text: the clock in Debian's status line, and systemd's of how long it has been waiting
 * for something. So a text that grows is progress.
 *
 * @param text what is there to be read, in lines without control characters
 */
public record InstallerLog(String text) {
  /** Debian's installer runs in screen(1), whose status line is painted from the first column. */
  private static final Pattern STATUS_LINE =
      Pattern.compile("\\x1b\\[H\\x1b\\[7m.*?(\\x1b\\[0m|$)", Pattern.DOTALL);

  /**
   * ECMA-48 control sequences, the last one perhaps in part, and the choices of a character set
   * that terminals have besides.
   */
  private static final Pattern PAINT =
      Pattern.compile(
          "\\x1b(\\[[0-?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[@-Z\\\\^_=>78])|\\x1b(\\[[0-?]*[ -/]*)?$");

  private static final Pattern CONTROL = Pattern.compile("[\\x00-\\x09\\x0b-\\x1f\\x7f]");

  /**
   * systemd's moving stars before what it waits for, as in {@code [ *** ] A start job is running
   * for ... (12min 34s / no limit)}; they are painted anew again and again, the last time in part.
   */
  private static final Pattern WAITING = Pattern.compile("\\[[ *]*(\\].*)?");

  /** How many lines before a sign of failure are told with it. */
  private static final int TOLD = 8;

  /** The kernel's last words; see kernel/reboot.c. */
  private static final Pattern ENDED =
      Pattern.compile("reboot: (Power down|Restarting system|System halted)");

  /** A sign that an unattended installation does not go on, and what it means. */
  private record Sign(Pattern seen, String means) {}

  private static final List<Sign> SIGNS =
      List.of(
          // Debian's and Ubuntu's installer in its text form: nobody is there to answer.
          new Sign(Pattern.compile("Prompt: '\\?' for help"), "the installer asks a question"),
          new Sign(
              Pattern.compile("\\[Press enter to continue\\]"), "the installer shows an error"),
          new Sign(Pattern.compile("Kernel panic - not syncing"), "its kernel panicked"),
          new Sign(Pattern.compile("(?m)^\\(initramfs\\) *$"), "it cannot find its medium"),
          new Sign(Pattern.compile("Entering emergency mode"), "it cannot find its medium"),
          // Anaconda's, when the program in a pane has died.
          new Sign(Pattern.compile("Pane is dead"), "the installer crashed"),
          // subiquity's.
          new Sign(
              Pattern.compile("An error occurred\\. Press enter to start a shell"),
              "the installer failed"));

  /**
   * Reads what was printed.
   *
   * @param printed as it came over the line, one byte a character
   */
  public static InstallerLog of(String printed) {
    String plain = PAINT.matcher(STATUS_LINE.matcher(printed).replaceAll("\n")).replaceAll("");
    StringBuilder out = new StringBuilder();
    CONTROL
        .matcher(plain.replace("\r\n", "\n").replace('\r', '\n'))
        .replaceAll("")
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty() && !WAITING.matcher(line).matches())
        .forEach(line -> out.append(line).append('\n'));
    return new InstallerLog(out.toString());
  }

  /** True if the installer has restarted the machine or powered it off. */
  public boolean ended() {
    return ENDED.matcher(text).find();
  }

  /**
   * Why the installation will not go on by itself, as far as it shows that; with its last words.
   */
  public Optional<String> failure() {
    for (Sign sign : SIGNS) {
      Matcher found = sign.seen().matcher(text);
      if (found.find()) {
        List<String> before = text.substring(0, found.end()).lines().toList();
        return Optional.of(
            sign.means()
                + ": "
                + String.join(
                    " / ", before.subList(Math.max(0, before.size() - TOLD), before.size())));
      }
    }
    return Optional.empty();
  }

  public List<String> lines() {
    return text.lines().toList();
  }

  /** What it does just now, for people. */
  public Optional<String> last() {
    List<String> lines = lines();
    return lines.isEmpty() ? Optional.empty() : Optional.of(lines.getLast());
  }
}
