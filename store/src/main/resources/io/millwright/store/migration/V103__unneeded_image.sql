-- Images that are staged on a hypervisor and that nobody needs, as its rounds found them.

CREATE TABLE unneeded_image (
    hypervisor uuid        NOT NULL CONSTRAINT unneeded_image_on REFERENCES resource ON DELETE CASCADE,
    sha256     text        NOT NULL,
    found_at   timestamptz NOT NULL,
    listings   integer     NOT NULL,
    PRIMARY KEY (hypervisor, sha256)
);
