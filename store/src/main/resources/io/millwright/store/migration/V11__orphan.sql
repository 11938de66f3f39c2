-- Objects with our mark to which nothing declared belongs, as the sweep found them.

CREATE TABLE orphan (
    hypervisor uuid        NOT NULL CONSTRAINT orphan_on REFERENCES resource ON DELETE CASCADE,
    object     text        NOT NULL,
    what       text        NOT NULL,
    uid        uuid        NOT NULL,
    size_mib   bigint,
    found_at   timestamptz NOT NULL,
    listings   integer     NOT NULL,
    PRIMARY KEY (hypervisor, object)
);
