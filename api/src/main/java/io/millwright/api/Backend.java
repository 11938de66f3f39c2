package io.millwright.api;

import io.millwright.engine.access.Access;
import io.millwright.engine.access.AccessTokens;
import io.millwright.engine.machine.Isos;
import io.millwright.engine.port.Store;
import io.millwright.engine.reconcile.Drift;
import io.millwright.engine.reconcile.Invariants;
import io.millwright.engine.reconcile.Sweep;
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
import io.millwright.engine.request.Rebuild;
import io.millwright.engine.request.Restore;
import io.millwright.engine.request.Rollouts;
import io.millwright.engine.request.Snapshots;
import io.millwright.engine.request.Sources;
import io.millwright.engine.watch.Watch;
import io.millwright.engine.watch.Webhooks;

/**
 * What the API asks things of; the server makes it.
 *
 * @param version of this Millwright, for clients
 */
public record Backend(
    String version,
    Store store,
    Apply apply,
    Delete delete,
    Restore restore,
    Rebuild rebuild,
    Snapshots snapshots,
    Move move,
    Rollouts rollouts,
    Approving approving,
    Pools pools,
    Builds builds,
    Sources sources,
    Sweep sweep,
    Drift drift,
    Invariants invariants,
    PowerSwitch power,
    Cancel cancel,
    AccessTokens tokens,
    Watch watch,
    Consoles consoles,
    Access access,
    Expire expire,
    Isos isos,
    Imports imports,
    MachineImport machineImport,
    Webhooks webhooks) {}
