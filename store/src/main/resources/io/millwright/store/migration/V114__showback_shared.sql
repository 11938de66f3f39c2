-- Prices are for the house's Sizes, those of the project shared: a project's own one has none, or whoever may
-- declare one would set its price by giving it the name of a cheap one. Hours that have passed cost what they did.
ALTER TABLE machine_time ADD COLUMN shared boolean NOT NULL DEFAULT true;

CREATE OR REPLACE FUNCTION machine_time_passes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.size IS NOT NULL THEN
        UPDATE machine_time SET until = clock_timestamp() WHERE machine = OLD.uid AND until IS NULL;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.size IS NOT NULL THEN
        INSERT INTO machine_time (machine, project, size, shared, since)
        SELECT m.uid, m.project, s.name, s.project = 'shared', clock_timestamp()
        FROM resource m, resource s WHERE m.uid = NEW.uid AND s.uid = NEW.size
        ON CONFLICT (machine) WHERE until IS NULL DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

UPDATE machine_time t SET until = now()
FROM placement p JOIN resource s ON s.uid = p.size
WHERE p.uid = t.machine AND t.until IS NULL AND s.project <> 'shared';
INSERT INTO machine_time (machine, project, size, shared, since)
SELECT m.uid, m.project, s.name, false, now()
FROM placement p JOIN resource m ON m.uid = p.uid JOIN resource s ON s.uid = p.size
WHERE m.kind = 'MACHINE' AND s.project <> 'shared';
