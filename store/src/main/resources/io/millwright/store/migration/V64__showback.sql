-- How long machines were there, in which size, and what that costs.

-- From when on an hour of a size costs how much; null is nothing. Sizes go by their names, as people
-- know them; what was is not changed by a new price.
CREATE TABLE price (
    size     text COLLATE "C" NOT NULL,
    since    timestamptz      NOT NULL DEFAULT now(),
    per_hour numeric(14, 6),
    PRIMARY KEY (size, since)
);
CREATE TABLE price_list (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    currency text NOT NULL
);
INSERT INTO price_list (currency) VALUES ('EUR');

-- A machine takes its place with its placement, as quotas see it, and gives it back with that. Written
-- here, and not by whatever places machines, so that none can forget it.
CREATE TABLE machine_time (
    machine uuid             NOT NULL,
    project text COLLATE "C" NOT NULL,
    size    text COLLATE "C" NOT NULL,
    since   timestamptz      NOT NULL,
    until   timestamptz
);
CREATE UNIQUE INDEX machine_time_open ON machine_time (machine) WHERE until IS NULL;
CREATE INDEX machine_time_of ON machine_time (project, until);

CREATE FUNCTION machine_time_passes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.size IS NOT NULL THEN
        UPDATE machine_time SET until = clock_timestamp() WHERE machine = OLD.uid AND until IS NULL;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.size IS NOT NULL THEN
        INSERT INTO machine_time (machine, project, size, since)
        SELECT m.uid, m.project, s.name, clock_timestamp()
        FROM resource m, resource s WHERE m.uid = NEW.uid AND s.uid = NEW.size
        ON CONFLICT (machine) WHERE until IS NULL DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER machine_time_begins AFTER INSERT OR DELETE ON placement
    FOR EACH ROW EXECUTE FUNCTION machine_time_passes();
CREATE TRIGGER machine_time_changes AFTER UPDATE OF size ON placement
    FOR EACH ROW WHEN (OLD.size IS DISTINCT FROM NEW.size) EXECUTE FUNCTION machine_time_passes();

INSERT INTO machine_time (machine, project, size, since)
SELECT m.uid, m.project, s.name, now()
FROM placement p JOIN resource m ON m.uid = p.uid JOIN resource s ON s.uid = p.size
WHERE m.kind = 'MACHINE';
