-- Names are compared byte by byte, as Java does, whatever the locale of the database is.

CREATE TABLE installation (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    id         text        NOT NULL CHECK (id ~ '^[0-9a-f]{8}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation (id) VALUES (left(replace(gen_random_uuid()::text, '-', ''), 8));

CREATE TABLE resource (
    uid         uuid PRIMARY KEY,
    kind        text             NOT NULL,
    project     text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    generation  bigint           NOT NULL,
    revision    bigint           NOT NULL,
    labels      jsonb            NOT NULL,
    annotations jsonb            NOT NULL,
    spec        jsonb            NOT NULL,
    status      jsonb            NOT NULL,
    created_at  timestamptz      NOT NULL,
    deleted_at  timestamptz,
    CONSTRAINT resource_name UNIQUE (kind, project, name)
) WITH (fillfactor = 80); -- room for a new status beside the old one, so that no index is touched
CREATE INDEX resource_labels ON resource USING gin (labels jsonb_path_ops);

-- Who names whom; what is named cannot go.
CREATE TABLE reference (
    from_uid uuid NOT NULL CONSTRAINT reference_from REFERENCES resource ON DELETE CASCADE,
    to_uid   uuid NOT NULL CONSTRAINT reference_to REFERENCES resource,
    PRIMARY KEY (from_uid, to_uid)
);
CREATE INDEX reference_to_uid ON reference (to_uid);

-- Where machines and volumes live; apart from resource, for that is a wide row. Whoever writes it
-- has the resource locked.
CREATE TABLE placement (
    uid        uuid PRIMARY KEY CONSTRAINT placement_of REFERENCES resource ON DELETE CASCADE,
    hypervisor uuid NOT NULL CONSTRAINT placement_on REFERENCES resource,
    size       uuid
);
CREATE INDEX placement_hypervisor ON placement (hypervisor);

-- How many machines of a size live on a hypervisor, so that nobody has to count them to place one
-- more. Each count is the sum of its shards: transactions that place machines at the same time
-- would wait for each other at a single row.
CREATE TABLE promise (
    hypervisor uuid     NOT NULL,
    size       uuid     NOT NULL,
    shard      smallint NOT NULL,
    machines   integer  NOT NULL,
    PRIMARY KEY (hypervisor, size, shard)
) WITH (fillfactor = 20);

CREATE TABLE tombstone (
    uid        uuid PRIMARY KEY,
    kind       text        NOT NULL,
    project    text        NOT NULL,
    name       text        NOT NULL,
    hypervisor uuid,
    deleted_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE address (
    network       uuid NOT NULL,
    ip            inet NOT NULL,
    machine       uuid NOT NULL,
    iface         text NOT NULL,
    cooling_until timestamptz,
    PRIMARY KEY (network, ip)
);
CREATE INDEX address_machine ON address (machine);
CREATE INDEX address_cooling ON address (cooling_until) WHERE cooling_until IS NOT NULL;

CREATE TABLE mac (
    mac     macaddr PRIMARY KEY,
    machine uuid NOT NULL,
    iface   text NOT NULL,
    CONSTRAINT mac_iface UNIQUE (machine, iface)
);

-- seq is the order of operations: neither clocks nor uids of two nodes agree to the millisecond.
CREATE TABLE operation (
    uid              uuid PRIMARY KEY,
    seq              bigint GENERATED ALWAYS AS IDENTITY,
    project          text COLLATE "C" NOT NULL,
    verb             text        NOT NULL,
    kind             text        NOT NULL,
    target           uuid        NOT NULL,
    name             text COLLATE "C" NOT NULL,
    generation       bigint      NOT NULL,
    word             text        NOT NULL,
    state            jsonb       NOT NULL,
    requested_by     text        NOT NULL,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    ended_at         timestamptz,
    cancel_requested boolean     NOT NULL DEFAULT false,
    epoch            bigint      NOT NULL DEFAULT 0,
    steps            jsonb       NOT NULL,
    logged           integer     NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX operation_active ON operation (target) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX operation_seq ON operation (seq);
CREATE INDEX operation_target ON operation (target, seq);
CREATE INDEX operation_project ON operation (project, seq);
CREATE INDEX operation_ended ON operation USING brin (ended_at); -- for housekeeping only

CREATE TABLE operation_log (
    operation uuid        NOT NULL,
    seq       bigint      NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    step      text        NOT NULL,
    line      text        NOT NULL,
    PRIMARY KEY (operation, seq)
);

-- A line becomes visible when its transaction ends, so seq alone would let a reader run past lines
-- that come later with a smaller one. Ordered by (xid, seq), and read only up to the oldest
-- transaction that still writes, there are no gaps.
CREATE TABLE journal (
    xid     xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind    text,
    project text COLLATE "C" NOT NULL,
    uid     uuid        NOT NULL,
    name    text COLLATE "C" NOT NULL,
    change  text        NOT NULL,
    reason  text        NOT NULL DEFAULT '',
    message text        NOT NULL DEFAULT '',
    PRIMARY KEY (xid, seq)
);
CREATE INDEX journal_told ON journal (seq) WHERE message <> '';
CREATE INDEX journal_told_of ON journal (project, kind, name, seq) WHERE message <> '';

-- All lines up to here were dropped.
CREATE TABLE journal_floor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    xid xid8   NOT NULL,
    seq bigint NOT NULL
);
INSERT INTO journal_floor (xid, seq) VALUES ('0', 0);

CREATE TABLE report (
    machine uuid        NOT NULL,
    disk    text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    body    text        NOT NULL,
    PRIMARY KEY (machine, disk)
);

CREATE TABLE token (
    uid        uuid PRIMARY KEY,
    name       text COLLATE "C" NOT NULL CONSTRAINT token_name UNIQUE,
    created_at timestamptz      NOT NULL,
    expires_at timestamptz,
    sha256     bytea            NOT NULL CONSTRAINT token_sha256 UNIQUE
);

CREATE TABLE request (
    token       text        NOT NULL,
    key         text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    body_sha256 text        NOT NULL,
    status      integer     NOT NULL,
    headers     text        NOT NULL,
    body        text        NOT NULL,
    PRIMARY KEY (token, key)
);
CREATE INDEX request_at ON request (at);

-- db-scheduler's own table, and one column of ours: "again" is when to look once more at what is
-- being looked at just now. Its rows come and go all the time, so they are swept often.
CREATE TABLE scheduled_tasks (
    task_name            text        NOT NULL,
    task_instance        text        NOT NULL,
    task_data            bytea,
    execution_time       timestamptz NOT NULL,
    picked               boolean     NOT NULL,
    picked_by            text,
    last_success         timestamptz,
    last_failure         timestamptz,
    consecutive_failures integer,
    last_heartbeat       timestamptz,
    version              bigint      NOT NULL,
    priority             smallint,
    again                timestamptz,
    PRIMARY KEY (task_name, task_instance)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX scheduled_tasks_due ON scheduled_tasks (picked, execution_time);
