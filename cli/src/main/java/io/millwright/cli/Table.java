package io.millwright.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/** Rows in aligned columns. */
final class Table {
  private final List<Cell> header;
  private final List<List<Cell>> rows = new ArrayList<>();
  private final int[] widths;

  /** Text and its colour. */
  record Cell(String text, Style style) {
    Cell {
      text = text.isEmpty() ? "-" : Safe.line(text);
    }

    static Cell of(String text) {
      return new Cell(text, Style.NONE);
    }

    int width() {
      return text.codePointCount(0, text.length());
    }
  }

  Table(List<String> titles) {
    this.header = titles.stream().map(Cell::of).toList();
    this.widths = new int[titles.size()];
    measure(header);
  }

  void add(List<Cell> row) {
    rows.add(row);
    measure(row);
  }

  boolean empty() {
    return rows.isEmpty();
  }

  /** Header and rows. */
  void print(PrintStream out, boolean coloured) {
    out.println(line(header, false));
    printRows(out, coloured);
  }

  /** Prints the rows and forgets them; columns keep their width, for rows that come later. */
  void printRows(PrintStream out, boolean coloured) {
    for (List<Cell> row : rows) {
      out.println(line(row, coloured));
    }
    rows.clear();
  }

  private void measure(List<Cell> row) {
    for (int i = 0; i < widths.length; i++) {
      widths[i] = Math.max(widths[i], row.get(i).width());
    }
  }

  private String line(List<Cell> row, boolean coloured) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      Cell cell = row.get(i);
      out.append(cell.style().apply(cell.text(), coloured));
      if (i + 1 < row.size()) {
        out.repeat(' ', widths[i] - cell.width() + 2);
      }
    }
    return out.toString();
  }
}
