-- Who did what. Each row's hash covers the one before, so that none can be changed, taken out or put
-- in without all later ones being changed, too; the head keeps the last ones from being cut off.

CREATE TABLE audit (
    seq     bigint PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text        NOT NULL,
    caller  text        NOT NULL,
    origin  text        NOT NULL,
    verb    text        NOT NULL,
    call    text        NOT NULL,
    kind    text        NOT NULL,
    project text COLLATE "C" NOT NULL,
    name    text        NOT NULL,
    result  text        NOT NULL,
    detail  text        NOT NULL,
    hash    bytea       NOT NULL
);
CREATE INDEX audit_project ON audit (project, seq);

CREATE TABLE audit_head (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash bytea  NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, '');

CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is only added to'; END $$;

CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_kept();
CREATE TRIGGER audit_is_kept_whole BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();
