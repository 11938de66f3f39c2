-- Machines that nobody declared and that a person had taken away: what is published of them goes.

CREATE TABLE purged (
    machine uuid PRIMARY KEY
);
