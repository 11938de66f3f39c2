package io.millwright.cli;

import io.millwright.cli.Table.Cell;
import io.millwright.client.Event;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Prints what a watch tells, as it comes, until nobody reads any more.
 *
 * @param row cells of the table
 * @param gone cells of one that is gone, or null to leave it out of the table
 */
record Watching(Shell shell, Format format, List<String> titles, Row row, @Nullable Row gone) {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** The cells that show one thing. */
  interface Row {
    List<Cell> of(View view);
  }

  void print(Resumed.Opener opener) {
    Table table = new Table(titles);
    Map<String, String> shown = new HashMap<>();
    boolean synced = false;
    try (Resumed events = new Resumed(opener, PATIENCE)) {
      shell.out().onceUnread(events::close);
      for (Event event = events.next(); event != null; event = events.next()) {
        if (event.name().equals("synced")) {
          if (!synced && format.human()) {
            table.print(shell.out(), shell.coloured());
          }
          synced = true;
        } else {
          View view = new View(event.data());
          boolean deleted = event.name().equals("deleted");
          // After a break everything is told again, and of what may have been seen that it is gone.
          String now = deleted ? "deleted" : state(view);
          boolean unseen = deleted && !shown.containsKey(view.uid());
          if (!unseen && !now.equals(shown.put(view.uid(), now))) {
            show(table, view, deleted);
            if (synced && format.human()) {
              table.printRows(shell.out(), shell.coloured());
            }
          }
        }
        if (shell.out().checkError()) {
          return;
        }
      }
    }
  }

  /** Operations have no revision. */
  private static String state(View view) {
    String revision = view.revision();
    return revision.isEmpty() ? Integer.toHexString(view.tree().hashCode()) : revision;
  }

  private void show(Table table, View view, boolean deleted) {
    switch (format) {
      case TABLE, WIDE -> {
        Row cells = deleted ? gone : row;
        if (cells != null) {
          table.add(cells.of(view));
        }
      }
      case JSON -> Listing.one(shell, format, view.tree());
      case YAML -> {
        shell.out().println("---");
        Listing.one(shell, format, view.tree());
      }
      case NAME -> shell.out().println(Safe.line(view.reference()));
    }
  }
}
