package io.millwright.model.manifest;

/** What reading one input may cost, whatever is written in it. */
final class Budget {
  /** How deep mappings and sequences may be nested. */
  static final int DEPTH = 64;

  /** How many values there may be; 10,000 machines of ordinary size have half as many. */
  private static final int VALUES = 500_000;

  /** How many characters aliases may repeat. */
  private static final int REPEATED = 4 << 20;

  private int values;
  private long characters;
  private long repeated;

  /** What was spent, to learn the price of a part. */
  record Spent(int values, long characters) {}

  Spent spent() {
    return new Spent(values, characters);
  }

  void value(Node.Mark mark, int length) {
    values++;
    characters += length;
    check(mark);
  }

  /** Pays for a copy of a part that cost this much. */
  void repeat(Node.Mark mark, Spent price) {
    values += price.values();
    repeated += price.characters();
    characters += price.characters();
    check(mark);
  }

  void depth(Node.Mark mark, int depth) {
    if (depth > DEPTH) {
      throw new UnreadableException(mark, "is nested more than " + DEPTH + " levels deep");
    }
  }

  private void check(Node.Mark mark) {
    if (values > VALUES) {
      throw new UnreadableException(
          mark, "has more than " + VALUES + " values; apply it in several parts");
    }
    if (repeated > REPEATED) {
      throw new UnreadableException(
          mark, "has aliases (*) that repeat more than " + (REPEATED >> 20) + " MiB");
    }
  }
}
