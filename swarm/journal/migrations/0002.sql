-- What agents asked of models and were told by tools. Rows are only ever added, and name only texts that are there. `id` orders them.

CREATE TABLE calls (
    id            INTEGER PRIMARY KEY CHECK (id > 0),
    task          TEXT    NOT NULL CHECK (task <> ''),
    category      TEXT    NOT NULL,
    attempt       INTEGER NOT NULL CHECK (attempt > 0),
    number        INTEGER NOT NULL CHECK (number > 0),
    key           TEXT    NOT NULL CHECK (length(key) = 64),
    occurrence    INTEGER NOT NULL CHECK (occurrence > 0),
    tried         INTEGER NOT NULL CHECK (tried > 0),
    provider      TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    request       TEXT    NOT NULL CHECK (length(request) = 64),
    response      TEXT             CHECK (length(response) = 64),
    tokens_input  INTEGER          CHECK (tokens_input >= 0),
    tokens_output INTEGER          CHECK (tokens_output >= 0),
    tokens_cached INTEGER          CHECK (tokens_cached >= 0),
    calls         INTEGER NOT NULL CHECK (calls >= 0),
    tokens        INTEGER NOT NULL CHECK (tokens >= 0),
    usd_known     REAL    NOT NULL CHECK (usd_known BETWEEN 0 AND 1e300),
    unpriced      INTEGER NOT NULL CHECK (unpriced >= 0),
    seconds       REAL    NOT NULL CHECK (seconds BETWEEN 0 AND 1e300),
    error         TEXT,
    status        INTEGER
) STRICT;

-- A question has one answer: it is never paid twice.
CREATE UNIQUE INDEX calls_answered_once ON calls (task, attempt, key, occurrence) WHERE response IS NOT NULL;

CREATE TRIGGER calls_name_texts_that_are_there BEFORE INSERT ON calls
WHEN NOT EXISTS (SELECT 1 FROM texts WHERE hash = NEW.request)
  OR NEW.response IS NOT NULL AND NOT EXISTS (SELECT 1 FROM texts WHERE hash = NEW.response)
BEGIN
    SELECT RAISE(ABORT, 'a call must name texts that are there');
END;

CREATE TRIGGER calls_are_not_changed BEFORE UPDATE ON calls
BEGIN
    SELECT RAISE(ABORT, 'calls are never changed');
END;

CREATE TRIGGER calls_are_not_removed BEFORE DELETE ON calls
BEGIN
    SELECT RAISE(ABORT, 'calls are never removed');
END;

-- Of rows with the same task, attempt, number and key the newest counts.
CREATE TABLE told (
    id      INTEGER PRIMARY KEY CHECK (id > 0),
    task    TEXT    NOT NULL CHECK (task <> ''),
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    number  INTEGER NOT NULL CHECK (number > 0),
    tool    TEXT    NOT NULL CHECK (tool <> ''),
    key     TEXT    NOT NULL CHECK (length(key) = 64),
    answer  TEXT    NOT NULL CHECK (length(answer) = 64),
    seconds REAL    NOT NULL CHECK (seconds BETWEEN 0 AND 1e300)
) STRICT;

CREATE TRIGGER told_names_texts_that_are_there BEFORE INSERT ON told
WHEN NOT EXISTS (SELECT 1 FROM texts WHERE hash = NEW.answer)
BEGIN
    SELECT RAISE(ABORT, 'an answer must name a text that is there');
END;

CREATE TRIGGER told_is_not_changed BEFORE UPDATE ON told
BEGIN
    SELECT RAISE(ABORT, 'answers are never changed');
END;

CREATE TRIGGER told_is_not_removed BEFORE DELETE ON told
BEGIN
    SELECT RAISE(ABORT, 'answers are never removed');
END;

PRAGMA user_version = 2;
