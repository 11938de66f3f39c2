-- What machines used in the last half hour, one row for each round of their hypervisors. Unlogged: it
-- costs no write-ahead log, and is lost when PostgreSQL crashes, which costs half an hour of figures.

-- Each number is a count since the machine was started, unless its bit in measured says that it is so
-- much a second: 1 cpu, 2 disk_read, 4 disk_written, 8 received, 16 sent.
CREATE UNLOGGED TABLE measurement (
    machine      uuid        NOT NULL,
    at           timestamptz NOT NULL,
    measured     integer     NOT NULL,
    cpu          bigint,
    memory_mib   bigint,
    disk_read    bigint,
    disk_written bigint,
    received     bigint,
    sent         bigint,
    PRIMARY KEY (machine, at)
);
CREATE INDEX measurement_at ON measurement (at);
