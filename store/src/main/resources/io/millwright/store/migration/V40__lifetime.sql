-- Machines that are deleted by themselves: at a moment, or when their caller is not heard of.
CREATE TABLE lifetime (
    machine       uuid PRIMARY KEY CONSTRAINT lifetime_of REFERENCES resource ON DELETE CASCADE,
    expires_at    timestamptz,
    -- The last warning that was given, by the seconds that were left.
    warned        integer,
    leash_seconds integer,
    -- Looks in a row that found no heartbeat, and when the last of them was.
    missed        integer     NOT NULL DEFAULT 0,
    counted_at    timestamptz
);
