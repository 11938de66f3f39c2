-- By which token it was asked for: what is asked for by one is done only while that is in force. Null for who asked in a
-- session; and for what a person's token asked for before this was written down.
ALTER TABLE approval ADD COLUMN token uuid;

UPDATE approval SET token = substr(asker, length('token:') + 1)::uuid WHERE asker LIKE 'token:%';
