package io.millwright.store;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.jdbc.PostgreSqlJdbcCustomization;
import com.github.kagkarlsson.scheduler.task.CompletionHandler;
import com.github.kagkarlsson.scheduler.task.DeadExecutionHandler;
import com.github.kagkarlsson.scheduler.task.Execution;
import com.github.kagkarlsson.scheduler.task.ExecutionContext;
import com.github.kagkarlsson.scheduler.task.FailureHandler;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import io.millwright.engine.port.Reconcile;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Runs the reconciler on whatever was nudged, on all nodes of one database together, each resource
 * on one node at a time.
 *
 * <p>db-scheduler picks what is due, keeps it alive with heartbeats and takes it from a node that
 * sends none any more. How an execution ends is written here, in one statement that can tell
 * whether the resource was nudged meanwhile: see {@link SqlNudges}. A node that was taken for dead
 * and goes on can harm nothing by it, for that statement is void when the version of the row has
 * changed.
 */
public final class WorkLoop implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkLoop.class);
  private static final Duration LONGEST_BACKOFF = Duration.ofMinutes(5);

  /** Longer waits are left to polling. */
  private static final Duration LONGEST_ALARM = Duration.ofSeconds(10);

  private static final Duration STOP = Duration.ofSeconds(5);

  private final JdbcClient jdbc;
  private final Reconcile reconcile;
  private final Scheduler scheduler;
  private final DatabaseClock clock;

  /** After the end nobody needs to be woken. */
  private final ScheduledExecutorService alarms =
      new ScheduledThreadPoolExecutor(
          1,
          Thread.ofPlatform().daemon().name("work-alarms").factory(),
          new ThreadPoolExecutor.DiscardPolicy());

  /**
   * How to run.
   *
   * @param nodeName for people who look into the table
   * @param threads how many resources are looked at together
   * @param heartbeat of each execution; without four of them it counts as dead
   * @param pollInterval how often to look for what other nodes nudged
   */
  public record Settings(String nodeName, int threads, Duration heartbeat, Duration pollInterval) {
    public static Settings of(String nodeName) {
      return new Settings(nodeName, 128, Duration.ofSeconds(1), Duration.ofMillis(500));
    }
  }

  public WorkLoop(Database database, Reconcile reconcile, Settings settings) {
    this(database.dataSource(), database.databaseClock(), reconcile, settings);
  }

  WorkLoop(DataSource database, DatabaseClock clock, Reconcile reconcile, Settings settings) {
    this.jdbc = JdbcClient.create(database);
    this.reconcile = reconcile;
    this.clock = clock;
    this.scheduler =
        Scheduler.create(
                database,
                List.of(
                    Tasks.custom(SqlNudges.TASK, Void.class)
                        .onFailure(unexpected())
                        .onDeadExecution(revive())
                        .execute(this::execute)))
            .schedulerName(new SchedulerName.Fixed(settings.nodeName()))
            .jdbcCustomization(new PostgreSqlJdbcCustomization(false, false))
            .clock(clock)
            .threads(settings.threads())
            .executorService(
                Executors.newThreadPerTaskExecutor(
                    Thread.ofVirtual().name("reconcile-", 0).factory()))
            .pollUsingLockAndFetch(0.5, 1.0)
            .pollingInterval(settings.pollInterval())
            .heartbeatInterval(settings.heartbeat())
            .missedHeartbeatsLimit(4)
            .shutdownMaxWait(STOP)
            .build();
  }

  /** Begins to look; call it once. */
  public void start() {
    clock.compare();
    alarms.scheduleWithFixedDelay(clock::compare, 30, 30, TimeUnit.SECONDS);
    scheduler.start();
  }

  /**
   * Looks for work in this time, and not only when it would look anyway; for {@link
   * SqlStore#afterNudge}.
   */
  public void wake(Duration in) {
    if (in.compareTo(Duration.ZERO) <= 0) {
      scheduler.triggerCheckForDueExecutions();
    } else if (in.compareTo(LONGEST_ALARM) <= 0) {
      alarms.schedule(
          scheduler::triggerCheckForDueExecutions, in.toMillis() + 1, TimeUnit.MILLISECONDS);
    }
  }

  /** Lets what runs come to its end for some seconds, then interrupts it. */
  @Override
  public void close() {
    alarms.shutdownNow();
    scheduler.stop();
  }

  private CompletionHandler<Void> execute(TaskInstance<Void> task, ExecutionContext context) {
    Execution execution = context.getExecution();
    UUID uid = UUID.fromString(task.getId());
    try {
      Optional<Duration> next = reconcile.reconcile(uid);
      return (done, operations) ->
          next.ifPresentOrElse(delay -> again(execution, delay, 0), () -> forget(execution));
    } catch (Throwable e) { // whatever it was, the resource must be looked at again
      int failures = execution.consecutiveFailures + 1;
      Duration delay = backoff(failures);
      LOG.warn("Looking at {} failed, again in {} ms", uid, delay.toMillis(), e);
      return (done, operations) -> again(execution, delay, failures);
    }
  }

  private void forget(Execution execution) {
    int gone =
        jdbc.sql(
                """
                DELETE FROM scheduled_tasks
                WHERE task_name = :task AND task_instance = :uid AND version = :version
                  AND again IS NULL
                """)
            .param("task", SqlNudges.TASK)
            .param("uid", execution.getId())
            .param("version", execution.version)
            .update();
    if (gone == 0) {
      // It was nudged meanwhile; or it is somebody else's by now, then this writes nothing either.
      again(execution, LONGEST_BACKOFF, 0);
    }
  }

  private void again(Execution execution, Duration delay, int failures) {
    Optional<Long> due =
        jdbc.sql(
                """
                UPDATE scheduled_tasks SET picked = false, picked_by = NULL, last_heartbeat = NULL,
                  execution_time = least(now() + :millis * interval '1 millisecond', again),
                  again = NULL, consecutive_failures = :failures, version = version + 1
                WHERE task_name = :task AND task_instance = :uid AND version = :version
                RETURNING ceil(extract(epoch FROM execution_time - now()) * 1000)::bigint
                """)
            .param("millis", delay.toMillis())
            .param("failures", failures)
            .param("task", SqlNudges.TASK)
            .param("uid", execution.getId())
            .param("version", execution.version)
            .query(Long.class)
            .optional();
    due.ifPresentOrElse(
        millis -> wake(Duration.ofMillis(millis)),
        () ->
            LOG.info(
                "Another node has taken over {}, which this one was slow with", execution.getId()));
  }

  /** Random parts keep resources that failed together from coming back together. */
  private static Duration backoff(int failures) {
    long most = Math.min(LONGEST_BACKOFF.toMillis(), 1000L << Math.min(failures - 1, 20));
    return Duration.ofMillis(most / 2 + ThreadLocalRandom.current().nextLong(most / 2 + 1));
  }

  private DeadExecutionHandler<Void> revive() {
    return (dead, operations) -> {
      Execution execution = dead.getExecution();
      LOG.info("{} has stopped; going on with {}", execution.pickedBy, execution.getId());
      again(execution, Duration.ZERO, execution.consecutiveFailures);
    };
  }

  /** Nothing that execute() throws gets here; what db-scheduler itself could not do is retried. */
  private FailureHandler<Void> unexpected() {
    return (done, operations) -> {
      int failures = done.getExecution().consecutiveFailures + 1;
      again(done.getExecution(), backoff(failures), failures);
    };
  }
}
