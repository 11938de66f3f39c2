-- What waits for somebody's approval, and what became of it. Nothing of what was asked for is in any
-- other table before it is approved: there is nothing to take back when it is not.

ALTER TABLE project ADD COLUMN approvals jsonb NOT NULL DEFAULT '[]';

CREATE TABLE approval (
    uid         uuid PRIMARY KEY,
    project     text COLLATE "C" NOT NULL,
    requester   text        NOT NULL,
    asker       text        NOT NULL,   -- who it is, whatever name or token they use
    account     uuid,
    kind        text        NOT NULL,   -- of what it is mainly about, as events tell it
    name        text COLLATE "C" NOT NULL,
    people      integer     NOT NULL,
    because     text[]      NOT NULL,
    plan        jsonb       NOT NULL,
    fingerprint text        NOT NULL,   -- of what would change and of what that rests on
    wish        text        NOT NULL,   -- sealed: manifests may hold secrets
    state       text        NOT NULL,
    detail      text        NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
-- The same asked for again while it waits is the same request.
CREATE UNIQUE INDEX approval_once ON approval (asker, project, fingerprint)
    WHERE state IN ('WAITING', 'APPROVED');
CREATE INDEX approval_of ON approval (project, uid);

CREATE TABLE approval_vote (
    approval uuid        NOT NULL REFERENCES approval ON DELETE CASCADE,
    account  uuid        NOT NULL,
    who      text        NOT NULL,
    yes      boolean     NOT NULL,
    reason   text        NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (approval, account)
);
