-- What was not done is found by what became of it; most was done, and is not in here. Each is kept for ever.

CREATE INDEX audit_result ON audit (result, seq) WHERE result <> 'done';
