-- A month is told of what was there in it; all that ever was is kept.

CREATE INDEX machine_time_until ON machine_time (until);
