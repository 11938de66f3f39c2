-- What machines used lately: one row for each look at a hypervisor, with an entry for each machine in each of
-- its lists, so that machines to which nothing happens cost no row of their own. Not logged: a crash of the
-- database may lose it, and it need not reach a replica.
CREATE UNLOGGED TABLE measurement (
  hypervisor uuid NOT NULL,
  at timestamptz NOT NULL,
  machines uuid[] NOT NULL,
  -- A bit for each of the five below: it is a rate in bytes (or cores' nanoseconds) a second, and no count.
  measured integer[] NOT NULL,
  memory_mib bigint[] NOT NULL,
  cpu bigint[] NOT NULL,
  disk_read bigint[] NOT NULL,
  disk_written bigint[] NOT NULL,
  received bigint[] NOT NULL,
  sent bigint[] NOT NULL,
  PRIMARY KEY (hypervisor, at)
);
CREATE INDEX measurement_at ON measurement (at);
