package io.millwright.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.millwright.engine.port.Audit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** The chain of the audit is computed in parts, and each goes on from the one before. */
@NullUnmarked
class AuditPartsTest extends DatabaseTest {
  private Audit.Verdict verified(int part) {
    return Audit.verify(store, null, part);
  }

  @Test
  void whereverAPartEndsItIsTheSameChain() {
    assertThat(verified(3)).isEqualTo(new Audit.Verdict(0, 0, "", null));
    for (int i = 0; i < 7; i++) {
      store.write(tx ->
          tx.audit()
              .append(new Audit.Act("ann", "a", "here", "view", "GET", "", "p", "", "done", "")));
    }
    for (int part = 1; part < 9; part++) {
      assertThat(verified(part))
          .as("parts of " + part)
          .satisfies(v -> {
            assertThat(v.rows()).isEqualTo(7);
            assertThat(v.seq()).isEqualTo(7);
            assertThat(v.altered()).isNull();
          });
    }
    jdbc.sql("ALTER TABLE audit DISABLE TRIGGER ALL").update();
    for (long altered = 1; altered < 8; altered++) {
      jdbc.sql("UPDATE audit SET who = 'bob' WHERE seq = " + altered).update();
      for (int part = 1; part < 9; part++) {
        assertThat(verified(part).altered()).as("parts of " + part).isEqualTo(altered);
      }
      jdbc.sql("UPDATE audit SET who = 'ann' WHERE seq = " + altered).update();
    }
    jdbc.sql("DELETE FROM audit WHERE seq = 4").update();
    for (int part = 1; part < 9; part++) {
      assertThat(verified(part).altered()).as("parts of " + part).isEqualTo(4);
    }
    jdbc.sql("DELETE FROM audit WHERE seq >= 4").update();
    for (int part = 1; part < 9; part++) {
      assertThat(verified(part).altered()).as("cut off").isEqualTo(4);
    }
  }
}
