-- The end of the audit only goes on: without this, rows that are cut off need no more than the end being put back.

CREATE FUNCTION audit_head_goes_on() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'UPDATE' AND NEW.seq = OLD.seq + 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the end of the audit only goes on';
END $$;

CREATE TRIGGER audit_head_goes_on BEFORE UPDATE OR DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_head_goes_on();
CREATE TRIGGER audit_head_stays BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_head_goes_on();
