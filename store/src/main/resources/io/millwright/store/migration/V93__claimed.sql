-- A machine out of a pool is somebody's from its claim on, however long it had waited there; its life is counted from then.
ALTER TABLE lifetime ADD COLUMN claimed_at timestamptz;
