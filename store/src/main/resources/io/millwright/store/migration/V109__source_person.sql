-- Which people stand behind what a source asks for: they cannot approve it as somebody else. Null is a token that is
-- nobody's, or not known.

CREATE TABLE source_person (
    source   uuid PRIMARY KEY CONSTRAINT source_person_of REFERENCES resource ON DELETE CASCADE,
    declared uuid, -- account of whoever declared it last
    approved uuid  -- account of whoever approved a commit of it last
);

-- Of what is there already only who declared it first is known.
INSERT INTO source_person (source, declared)
SELECT r.uid, o.account FROM resource r JOIN owner o ON o.uid = r.uid WHERE r.kind = 'SOURCE';
