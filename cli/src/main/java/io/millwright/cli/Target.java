package io.millwright.cli;

import java.util.ArrayList;
import java.util.List;

/** One resource, as it is named on the command line. */
record Target(Kind kind, String name) {

  /** {@code machine/hello}. */
  static Target parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0 || slash == text.length() - 1) {
      throw Failure.usage("'" + text + "' names no resource; write KIND NAME or KIND/NAME");
    }
    return new Target(Kind.parse(text.substring(0, slash)), text.substring(slash + 1));
  }

  /** {@code KIND NAME...} or {@code KIND/NAME...}; at least one. */
  static List<Target> parse(List<String> words) {
    List<Target> out = new ArrayList<>();
    if (words.isEmpty()) {
      throw Failure.usage("name what you mean: KIND NAME or KIND/NAME");
    }
    if (words.getFirst().contains("/")) {
      words.forEach(word -> out.add(parse(word)));
      return out;
    }
    Kind kind = Kind.parse(words.getFirst());
    if (words.size() < 2) {
      throw Failure.usage("which " + kind.word() + "? write " + kind.word() + " NAME");
    }
    words.subList(1, words.size()).forEach(name -> out.add(new Target(kind, name)));
    return out;
  }

  @Override
  public String toString() {
    return kind.word() + "/" + name;
  }
}
