package io.millwright.store.embedded;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class ServerVersionTest {
  @Test
  void olderServersAreRefusedByNameAndPlaceWithoutTheSecretsOfTheUrl() {
    Connection old = connection("PostgreSQL", 14, "14.2 (Debian 14.2-1.pgdg110+1)");

    assertThatThrownBy(() -> ServerVersion.requireSupported(old))
        .isInstanceOf(UnsupportedServerVersionException.class)
        .hasMessage(
            "PostgreSQL 14.2 at //db.example.org:5432/mill: Millwright needs PostgreSQL 15 or"
                + " newer");
  }

  @Test
  void whatDebianTwelveShipsAndWhatComesAfterIsAccepted() {
    assertThatCode(() -> ServerVersion.requireSupported(connection("PostgreSQL", 15, "15.0")))
        .doesNotThrowAnyException();
    assertThatCode(() -> ServerVersion.requireSupported(connection("PostgreSQL", 19, "19beta1")))
        .doesNotThrowAnyException();
  }

  @Test
  void anotherProductIsRefusedWhateverItsNumber() {
    assertThatThrownBy(() -> ServerVersion.requireSupported(connection("MariaDB", 99, "99.1")))
        .hasMessageStartingWith("MariaDB 99.1 at ");
  }

  private static Connection connection(String product, int major, String version) {
    DatabaseMetaData server =
        fake(
            DatabaseMetaData.class,
            method ->
                switch (method) {
                  case "getDatabaseProductName" -> product;
                  case "getDatabaseMajorVersion" -> major;
                  case "getDatabaseProductVersion" -> version;
                  case "getURL" -> "jdbc:postgresql://db.example.org:5432/mill?password=secret";
                  default -> throw new UnsupportedOperationException(method);
                });
    return fake(Connection.class, method -> server);
  }

  private static <T> T fake(Class<T> type, Function<String, Object> answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> answers.apply(method.getName())));
  }
}
