-- Whether a network of a member was changed, and it was not given that yet: its group takes one after the other.
ALTER TABLE member ADD COLUMN due boolean NOT NULL DEFAULT false;
