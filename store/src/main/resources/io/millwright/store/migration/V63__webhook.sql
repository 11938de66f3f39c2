-- What webhooks have to tell. The journal is the outbox: its lines are written in the transaction of
-- what they tell of, and a webhook reads along from its cursor, in one transaction with what it
-- makes of them.

CREATE TABLE webhook_cursor (
    webhook uuid PRIMARY KEY REFERENCES resource ON DELETE CASCADE,
    cursor  text NOT NULL
);

CREATE TABLE delivery (
    uid        uuid PRIMARY KEY,
    webhook    uuid        NOT NULL REFERENCES resource ON DELETE CASCADE,
    event      text        NOT NULL,
    type       text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    state      text        NOT NULL DEFAULT 'PENDING',
    attempts   integer     NOT NULL DEFAULT 0,
    due_at     timestamptz DEFAULT now(),
    tried_at   timestamptz,
    status     integer,
    detail     text        NOT NULL DEFAULT '',
    CONSTRAINT delivery_once UNIQUE (webhook, event)
);
CREATE INDEX delivery_due ON delivery (webhook, due_at) WHERE state = 'PENDING';
CREATE INDEX delivery_of ON delivery (webhook, uid);
