-- Projects that somebody made or limited; one without a row is there as soon as it has a resource.
-- What is used is counted when it is asked for: a row of sums would be one more thing to be wrong.

CREATE TABLE project (
    name       text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    quota      jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX resource_project ON resource (project, kind);
