-- What somebody asked for last, in whatever state it is by now; approval_once has only what is open.

CREATE INDEX approval_asked ON approval (asker, project, fingerprint, uid);
