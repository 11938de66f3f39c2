-- What is done in a project when a machine is not as declared; repair where there is no row.
CREATE TABLE drift_policy (
    project text PRIMARY KEY,
    policy  text NOT NULL
);
