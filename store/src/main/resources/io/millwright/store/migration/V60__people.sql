-- People, what they may do, and by what they are known. "user" is a word of SQL, so it is account.

CREATE TABLE account (
    uid          uuid PRIMARY KEY,
    name         text COLLATE "C" NOT NULL CONSTRAINT account_name UNIQUE,
    display_name text        NOT NULL,
    password     text,                 -- Argon2id; null for who comes from a provider of identities
    must_change  boolean     NOT NULL,
    disabled     boolean     NOT NULL DEFAULT false,
    issuer       text,
    subject      text,
    groups       text[]      NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL,
    CONSTRAINT account_subject UNIQUE (issuer, subject)
);

-- Of a person or of a group that a provider of identities names; in one project, or with '' in all.
CREATE TABLE membership (
    is_group boolean          NOT NULL,
    who      text COLLATE "C" NOT NULL,
    project  text COLLATE "C" NOT NULL,
    role     text             NOT NULL,
    PRIMARY KEY (is_group, who, project)
);
CREATE INDEX membership_project ON membership (project);

CREATE TABLE session (
    uid        uuid PRIMARY KEY,
    account    uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    sha256     bytea       NOT NULL CONSTRAINT session_sha256 UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    origin     text        NOT NULL,
    agent      text        NOT NULL
);
CREATE INDEX session_account ON session (account);

-- Passwords that were wrong, by the name that was given, whether somebody has it or not: who tries
-- names must not learn from a lock which of them are taken.
CREATE TABLE attempt (
    name   text COLLATE "C" PRIMARY KEY,
    failed integer     NOT NULL,
    until  timestamptz NOT NULL,
    at     timestamptz NOT NULL
);

-- A token without an owner is the installation's own. What it may do is what its owner may do, and
-- of that only what stands here; null and empty lists narrow nothing.
ALTER TABLE token
    ADD COLUMN owner    uuid REFERENCES account ON DELETE CASCADE,
    ADD COLUMN role     text,
    ADD COLUMN projects text[] NOT NULL DEFAULT '{}',
    ADD COLUMN verbs    text[] NOT NULL DEFAULT '{}';
