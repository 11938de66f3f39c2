-- What belongs to a group: its machines, and the volumes of these. A group cannot go as long as
-- something stands here.

CREATE TABLE member (
    uid           uuid PRIMARY KEY CONSTRAINT member_of REFERENCES resource ON DELETE CASCADE,
    "group"       uuid    NOT NULL CONSTRAINT member_in REFERENCES resource,
    ordinal       integer NOT NULL,
    volume        text COLLATE "C", -- its name in the template; null for a machine
    revision      integer NOT NULL,
    healthy_since timestamptz,
    trouble_since timestamptz,
    trouble       text    NOT NULL DEFAULT '',
    CONSTRAINT member_ordinal UNIQUE NULLS NOT DISTINCT ("group", ordinal, volume)
) WITH (fillfactor = 80);

-- What was declared of a group's machines, each time that it was something else.
CREATE TABLE revision (
    "group" uuid        NOT NULL CONSTRAINT revision_of REFERENCES resource ON DELETE CASCADE,
    number  integer     NOT NULL,
    machine jsonb       NOT NULL,
    at      timestamptz NOT NULL,
    by      text        NOT NULL,
    PRIMARY KEY ("group", number)
);
