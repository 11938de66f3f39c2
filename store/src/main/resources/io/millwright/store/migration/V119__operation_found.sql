-- What is open is found among the open ones, and what has a name or ended in one way among those like it: a list read all
-- that is kept.

CREATE INDEX operation_open ON operation (project, seq) WHERE ended_at IS NULL;
CREATE INDEX operation_name ON operation (name, project, seq);
CREATE INDEX operation_word ON operation (word, seq);
