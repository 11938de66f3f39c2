-- A report may also tell what a first boot is at; it is replaced until the one of its end comes.
ALTER TABLE report ADD COLUMN ended boolean NOT NULL DEFAULT true;
