-- Disks of Volumes that were deleted, with what was declared of them, so that it can be declared
-- again. A hypervisor cannot go while one of its disks stands here.

CREATE TABLE quarantine (
    uid        uuid PRIMARY KEY,
    project    text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    generation bigint      NOT NULL,
    labels      jsonb      NOT NULL,
    annotations jsonb      NOT NULL,
    spec       jsonb       NOT NULL,
    status     jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    hypervisor uuid        NOT NULL CONSTRAINT quarantine_on REFERENCES resource,
    disk       text        NOT NULL,
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    emptying   boolean     NOT NULL DEFAULT false
);
CREATE INDEX quarantine_hypervisor ON quarantine (hypervisor, since);
