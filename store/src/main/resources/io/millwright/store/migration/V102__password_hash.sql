-- Passwords' hashes are secrets from here on. What is declared is sealed by the server when it starts, for only it has the
-- key; plans that were shown to who approves are kept for ever, and show them no more.
UPDATE approval
SET plan = CAST(regexp_replace(plan::text, '"\$(6|5|y|2[aby])\$[./A-Za-z0-9$=,]{20,200}"', '"(sealed)"', 'g') AS jsonb)
WHERE plan::text ~ '"\$(6|5|y|2[aby])\$[./A-Za-z0-9$=,]{20,200}"';
