package io.millwright.api;

import io.millwright.engine.AccessTokens;
import io.millwright.engine.Apply;
import io.millwright.engine.Approving;
import io.millwright.engine.Builds;
import io.millwright.engine.Cancel;
import io.millwright.engine.Consoles;
import io.millwright.engine.Delete;
import io.millwright.engine.Expire;
import io.millwright.engine.Imports;
import io.millwright.engine.Isos;
import io.millwright.engine.MachineImport;
import io.millwright.engine.Move;
import io.millwright.engine.Pools;
import io.millwright.engine.PowerSwitch;
import io.millwright.engine.Rebuild;
import io.millwright.engine.Restore;
import io.millwright.engine.Rollouts;
import io.millwright.engine.Snapshots;
import io.millwright.engine.Sources;
import io.millwright.engine.Watch;
import io.millwright.engine.access.Access;
import io.millwright.engine.port.Store;
import io.millwright.engine.reconcile.Drift;
import io.millwright.engine.reconcile.Invariants;
import io.millwright.engine.reconcile.Sweep;
import io.millwright.engine.webhook.Webhooks;

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
