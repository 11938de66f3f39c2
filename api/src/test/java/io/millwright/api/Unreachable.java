package io.millwright.api;

import io.millwright.engine.access.Access;
import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.access.Accounts;
import io.millwright.engine.access.SecretBox;
import io.millwright.engine.access.SignIn;
import io.millwright.engine.machine.Isos;
import io.millwright.engine.outside.Drivers;
import io.millwright.engine.outside.Outside;
import io.millwright.engine.outside.Reach;
import io.millwright.engine.outside.SourcePlaces;
import io.millwright.engine.port.Store;
import io.millwright.engine.port.Tx;
import io.millwright.engine.reconcile.Drift;
import io.millwright.engine.reconcile.Invariants;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.engine.request.Admission;
import io.millwright.engine.request.Apply;
import io.millwright.engine.request.Approving;
import io.millwright.engine.request.Builds;
import io.millwright.engine.request.Cancel;
import io.millwright.engine.request.Consoles;
import io.millwright.engine.request.Delete;
import io.millwright.engine.request.Expire;
import io.millwright.engine.request.Imports;
import io.millwright.engine.request.MachineImport;
import io.millwright.engine.request.Move;
import io.millwright.engine.request.Pools;
import io.millwright.engine.request.PowerSwitch;
import io.millwright.engine.request.Preview;
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Restore;
import io.millwright.engine.request.Rollouts;
import io.millwright.engine.request.Snapshots;
import io.millwright.engine.request.Sources;
import io.millwright.engine.watch.Watch;
import io.millwright.engine.watch.Webhooks;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.function.Function;

/** A database that is away, and an backend on it. */
final class Unreachable implements Store {
  @Override
  public <T> T inTransaction(Function<Tx, T> work) {
    throw ProblemException.of(Problem.Type.UNAVAILABLE, "the database cannot be reached just now");
  }

  @Override
  public <T> T read(Function<Tx, T> work) {
    return inTransaction(work);
  }

  @Override
  public <T> T dryRun(Function<Tx, T> work) {
    return inTransaction(work);
  }

  static Backend backend() {
    Store store = new Unreachable();
    InstantSource clock = InstantSource.system();
    Drivers drivers = new Drivers(Map.of(), Map.of(), Map.of(), Map.of());
    SecretBox secrets = new SecretBox(new byte[32]);
    Admission admission = new Admission(drivers, secrets, SourcePlaces.ELSEWHERE, Reach.OUTSIDE);
    Outside outside =
        new Outside(drivers, secrets, SourcePlaces.ELSEWHERE, "00000000", clock, _ -> {});
    Preview preview = new Preview(store, outside, "00000000");
    Apply apply = new Apply(store, admission, preview, clock);
    Rebuild rebuild = new Rebuild(admission, preview, clock);
    Snapshots snapshots = new Snapshots(preview, clock);
    Watch watch = new Watch(store, Duration.ofMillis(100));
    return new Backend(
        "test",
        store,
        apply,
        new Delete(store, clock),
        new Restore(store, clock),
        rebuild,
        snapshots,
        new Move(admission, preview, clock),
        new Rollouts(store, apply, clock),
        new Approving(store, apply, rebuild, snapshots, new SecretBox(new byte[32]), clock),
        new Pools(apply, clock),
        new Builds(clock),
        new Sources(store, secrets),
        new Sweep(store, outside, new Restore(store, clock), clock),
        new Drift(store, outside),
        new Invariants(store, outside, clock),
        new PowerSwitch(store, clock),
        new Cancel(store),
        new AccessTokens(store, clock),
        watch,
        new Consoles(store, outside),
        new Access(new Accounts(store, clock), new SignIn(store, clock)),
        new Expire(new Delete(store, clock), clock),
        new Isos(store, null),
        new Imports(null),
        new MachineImport(store, outside, apply),
        new Webhooks(store, watch, new SecretBox(new byte[32]), Reach.OUTSIDE, clock));
  }
}
