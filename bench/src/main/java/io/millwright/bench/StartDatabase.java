package io.millwright.bench;

import io.millwright.store.embedded.EmbeddedPostgres;
import io.millwright.store.embedded.Progress;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.Locale;

/** How many seconds it takes until the database alone answers, without the start of Java. */
public final class StartDatabase {
  private StartDatabase() {}

  /** {@code DIRECTORY} of a database that exists. */
  public static void main(String[] arguments) throws Exception {
    long begun = System.nanoTime();
    try (EmbeddedPostgres postgres =
        EmbeddedPostgres.start(Path.of(arguments[0]), Progress.silent())) {
      DriverManager.getConnection(postgres.jdbcUrl(), postgres.user(), postgres.password()).close();
      System.out.printf(Locale.ROOT, "%.3f%n", (System.nanoTime() - begun) / 1e9);
    }
  }
}
