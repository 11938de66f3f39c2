package io.millwright.engine.port;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.millwright.model.Kind;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What waits for somebody's approval, and what became of it. */
public interface Approvals {
  /** How it stands with a request. */
  enum State {
    /** Not enough people have said yes. */
    @JsonProperty("waiting")
    WAITING,
    /** Enough have, and it is carried out as soon as its source is read. */
    @JsonProperty("approved")
    APPROVED,
    /** It was carried out. */
    @JsonProperty("done")
    DONE,
    /** Somebody said no. */
    @JsonProperty("rejected")
    REJECTED,
    /** Whoever asked for it does not want it any more. */
    @JsonProperty("withdrawn")
    WITHDRAWN,
    /** What was shown would not be what is done by now. */
    @JsonProperty("lapsed")
    LAPSED,
    /** Nobody cared for too long. */
    @JsonProperty("expired")
    EXPIRED
  }

  /**
   * What somebody said to a request.
   *
   * @param reason or empty
   */
  record Vote(UUID account, String who, boolean yes, String reason, Instant at) {}

  /**
   * Something that was asked for, and is not done before it is approved.
   *
   * @param requester name of the caller
   * @param asker identity of the person, or of the token that is nobody's
   * @param account of the person, or null
   * @param token by which it was asked for; null for a session, or if that was not written down
   * @param kind of what it is mainly about
   * @param name of what it is mainly about
   * @param people how many have to say yes
   * @param because which rules ask for that, in words
   * @param plan what would be done, as JSON to be shown
   * @param fingerprint of what would change, and of what that rests on
   * @param wish what to do, sealed
   * @param detail what became of it, or empty
   */
  record Request(
      UUID uid,
      String project,
      String requester,
      String asker,
      @Nullable UUID account,
      @Nullable UUID token,
      Kind kind,
      String name,
      int people,
      List<String> because,
      String plan,
      String fingerprint,
      String wish,
      State state,
      String detail,
      Instant createdAt,
      Instant expiresAt,
      List<Vote> votes) {
    public Request {
      because = List.copyOf(because);
      votes = List.copyOf(votes);
    }

    public Request with(List<Vote> said) {
      return new Request(
          uid,
          project,
          requester,
          asker,
          account,
          token,
          kind,
          name,
          people,
          because,
          plan,
          fingerprint,
          wish,
          state,
          detail,
          createdAt,
          expiresAt,
          said);
    }

    /** How it stands at this time, though nobody may have written that down yet. */
    public State at(Instant now) {
      boolean open = state == State.WAITING || state == State.APPROVED;
      return open && !now.isBefore(expiresAt) ? State.EXPIRED : state;
    }
  }

  /** Adds one; false if the same asker waits for the same already. */
  boolean insert(Request request);

  Optional<Request> find(UUID uid);

  /** As {@link #find}, and nobody else changes it before this transaction ends. */
  Optional<Request> lock(UUID uid);

  /** The one of this asker that is not over, if it was about the same; locked. */
  Optional<Request> open(String asker, String project, String fingerprint);

  /** How it ended when this asker asked for the same last. */
  Optional<Request> last(String asker, String project, String fingerprint);

  /**
   * The newest ones first, without their wishes.
   *
   * @param project null for all
   * @param among the projects of which the asker may know, or null for all
   * @param state in which they are by now, or null for all
   * @param words each of which stands in what a list shows of it, in whatever case
   * @param before only those older than this one, or null
   */
  List<Request> list(
      @Nullable String project,
      @Nullable Set<String> among,
      @Nullable State state,
      List<String> words,
      @Nullable UUID before,
      int limit);

  void vote(UUID uid, Vote vote);

  void end(UUID uid, State state, String detail);
}
