-- What the nodes of an installation share besides this database; see engine's Joining.
ALTER TABLE installation ADD COLUMN key_fingerprint text;
ALTER TABLE installation ADD COLUMN images_marked boolean NOT NULL DEFAULT false;
