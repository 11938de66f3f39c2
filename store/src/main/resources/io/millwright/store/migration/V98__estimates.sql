-- Of an image or a network there are thousands of users, of a machine none. By the average of both a plan for any of them
-- would read the whole table, at each deletion of a machine.
ALTER TABLE reference ALTER COLUMN to_uid SET (n_distinct = -0.5);
