-- What the program must not do, the tables refuse: to change or remove an event, to leave a hole, to fork the chain.

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY CHECK (seq > 0),
    at      TEXT    NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind <> ''),
    version INTEGER NOT NULL CHECK (version > 0),
    task    TEXT,
    body    TEXT    NOT NULL CHECK (json_valid(body)),
    prev    TEXT    NOT NULL CHECK (length(prev) = 64),
    hash    TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64)
) STRICT;

CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_task ON events (task);

CREATE TRIGGER events_follow_one_another BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
  OR NEW.prev <> coalesce((SELECT hash FROM events ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
BEGIN
    SELECT RAISE(ABORT, 'an event must follow the last one');
END;

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never removed');
END;

CREATE TABLE texts (
    hash    TEXT PRIMARY KEY CHECK (length(hash) = 64),
    content BLOB NOT NULL
) STRICT;

CREATE TRIGGER texts_are_not_changed BEFORE UPDATE ON texts
BEGIN
    SELECT RAISE(ABORT, 'texts are never changed');
END;

CREATE TRIGGER texts_are_not_removed BEFORE DELETE ON texts
BEGIN
    SELECT RAISE(ABORT, 'texts are never removed');
END;

CREATE TABLE fence (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL CHECK (number > 0)
) STRICT;

PRAGMA user_version = 1;
