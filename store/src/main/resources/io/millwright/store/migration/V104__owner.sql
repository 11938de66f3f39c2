-- Who asked for a resource: the person who declared it first, or who claimed it from a pool. Operations tell it, too, but for
-- 90 days only.

CREATE TABLE owner (
    uid     uuid PRIMARY KEY CONSTRAINT owner_of REFERENCES resource ON DELETE CASCADE,
    account uuid NOT NULL CONSTRAINT owner_who REFERENCES account ON DELETE CASCADE
);
CREATE INDEX owner_account ON owner (account);

-- A group's members are asked for with it; a pool's are nobody's until they are claimed.
CREATE VIEW owned AS
SELECT uid, account FROM owner
UNION ALL
SELECT m.uid, o.account
FROM owner o
JOIN resource g ON g.uid = o.uid AND g.kind = 'GROUP'
JOIN member m ON m."group" = g.uid;

-- What is there already belongs to whoever asked first, as far back as operations go; a person's tokens are anna/ci.
INSERT INTO owner (uid, account)
SELECT r.uid, a.uid
FROM resource r
JOIN LATERAL (
    SELECT requested_by, created_at FROM operation o WHERE o.target = r.uid ORDER BY seq LIMIT 1
) first ON first.created_at < r.created_at + interval '1 minute'
JOIN account a ON a.name = split_part(first.requested_by, '/', 1) AND a.created_at <= first.created_at;
