-- What somebody did is found by who it was, and what their tokens did by how these are called. Each is kept for ever.

CREATE INDEX audit_who ON audit (who text_pattern_ops, seq);
CREATE INDEX audit_project_who ON audit (project, who text_pattern_ops, seq);
