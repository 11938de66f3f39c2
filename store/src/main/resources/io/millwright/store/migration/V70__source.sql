-- Which resource is declared by which source. What a source declared stays when that goes.
CREATE TABLE sourced (
    uid    uuid    PRIMARY KEY CONSTRAINT sourced_what REFERENCES resource ON DELETE CASCADE,
    source uuid    NOT NULL CONSTRAINT sourced_by REFERENCES resource ON DELETE CASCADE,
    going  boolean NOT NULL DEFAULT false -- it stands there no more, and goes when nothing needs it
);

CREATE INDEX sourced_source ON sourced (source);
