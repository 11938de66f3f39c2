package io.millwright.store;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** The whole contract on the oldest PostgreSQL that is supported. */
@Tag("pg15")
class Postgres15Test {
  @Nested
  class Store extends StoreContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Resources extends ResourcesContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Standings extends StandingsContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Operations extends OperationsContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Addresses extends AddressesContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Journal extends JournalContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class SmallPorts extends SmallPortsContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }

  @Nested
  class Work extends WorkLoopContract {
    @Override
    TestServer server() {
      return TestServer.fifteen();
    }
  }
}
