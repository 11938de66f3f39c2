-- Whose a published name is: one name leads to one machine, whatever project it is in. What was published before takes
-- its name when it is declared again.

CREATE TABLE dns_name (
    place   text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    machine uuid             NOT NULL CONSTRAINT dns_name_of REFERENCES resource ON DELETE CASCADE,
    CONSTRAINT dns_name_once PRIMARY KEY (place, name)
);
CREATE INDEX dns_name_machine ON dns_name (machine);
