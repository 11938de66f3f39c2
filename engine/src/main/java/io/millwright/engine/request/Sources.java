package io.millwright.engine.request;

import io.millwright.driver.SourceDriver;
import io.millwright.engine.access.Caller;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.model.Condition;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.Resource;
import io.millwright.model.Sha256;
import io.millwright.model.SourceSpec;
import io.millwright.model.SourceStatus;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What people, and the hosts of repositories, say to sources. */
public final class Sources {
  /** Shorter, an abbreviation of a commit could be another one's as well. */
  private static final int SHORTEST = 7;

  private final Store store;
  private final SecretBox secrets;

  public Sources(Store store, SecretBox secrets) {
    this.store = store;
    this.secrets = secrets;
  }

  /**
   * Approves a commit, of which the plan was seen; no other one. Whoever does has asked for it, if
   * rules hold it for the approval of others.
   *
   * @param commit its name, or at least the first seven digits of it
   * @throws ProblemException INVALID; CONFLICT if another one is the newest by now, or there is
   *     nothing to do
   */
  public Resource<?, ?> approve(Tx tx, Caller caller, String project, String name, String commit) {
    if (!commit.matches("[0-9a-f]{" + SHORTEST + ",64}")) {
      throw ProblemException.invalid(
          "commit", "must be a commit's name, or the first seven digits of it or more");
    }
    Resource<SourceSpec, SourceStatus> source = lock(tx, project, name);
    SourceStatus status = source.status();
    SourceStatus.Plan plan = status.plan();
    String seen = status.seen();
    if (seen == null || !seen.startsWith(commit)) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          seen == null
              ? source.title() + " has not been read yet"
              : "the newest commit is " + seen + "; look at its plan, and approve that");
    }
    if (plan == null || !plan.commit().equals(seen)) {
      throw ProblemException.of(
          Problem.Type.CONFLICT,
          "there is nothing to approve: "
              + Condition.find(status.conditions(), Condition.READY)
                  .map(Condition::message)
                  .orElse("no plan is known"));
    }
    tx.resources()
        .updateStatus(
            source.uid(),
            status.withApproved(seen),
            "Approved",
            "commit " + seen + " was approved");
    tx.sourced().approvedBy(source.uid(), caller.account());
    tx.nudges().nudge(source.uid());
    return tx.resources().find(source.uid()).orElseThrow();
  }

  /** Has a source read at once. */
  public Resource<?, ?> sync(Tx tx, String project, String name) {
    Resource<SourceSpec, SourceStatus> source = lock(tx, project, name);
    tx.nudges().nudge(source.uid());
    return source;
  }

  /**
   * Somebody says that there is something new. If it is signed, the source is read at once; nothing
   * of what was said is believed otherwise.
   *
   * @param signature HMAC-SHA-256 of the body, as GitHub, Gitea and Forgejo send it: {@code
   *     sha256=} and hex digits
   * @param token the secret itself, as GitLab sends it
   * @return false if it is not signed with the secret of this source, or there is none
   */
  public boolean heard(
      String project,
      String name,
      byte[] body,
      @Nullable String signature,
      @Nullable String token) {
    Optional<Resource<?, ?>> found =
        store.read(tx -> tx.resources().find(Kind.SOURCE, project, name));
    String secret =
        found
            .map(r -> secrets.unsealed(((SourceSpec) r.spec()).settings()))
            .flatMap(settings -> Optional.ofNullable(settings.get(SourceDriver.WEBHOOK_SECRET)))
            .orElse("");
    boolean signed =
        (signature != null && same(signature, "sha256=" + hmac(secret, body)))
            || (token != null && same(token, secret));
    if (secret.isEmpty() || !signed) {
      return false;
    }
    store.write(tx -> tx.nudges().nudge(found.orElseThrow().uid()));
    return true;
  }

  private static boolean same(String a, String b) {
    return MessageDigest.isEqual(
        a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
  }

  private static String hmac(String secret, byte[] body) {
    return HexFormat.of().formatHex(Sha256.hmac(secret.getBytes(StandardCharsets.UTF_8), body));
  }

  private static Resource<SourceSpec, SourceStatus> lock(Tx tx, String project, String name) {
    return tx.resources()
        .lock(Kind.SOURCE, project, name)
        .orElseThrow(() -> Missing.of(tx, Kind.SOURCE, project, name))
        .as(SourceSpec.class, SourceStatus.class);
  }
}
