-- +goose Up
CREATE TABLE requests (
	id      BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	expires INTEGER NOT NULL CHECK (expires >= 0),
	signed  BLOB    NOT NULL CHECK (length(signed) BETWEEN 1 AND 1050000),
	sum     BLOB    NOT NULL CHECK (length(sum) = 32)
) STRICT;
CREATE INDEX requests_expires ON requests (expires);

CREATE TABLE spent (
	scope     BLOB NOT NULL CHECK (length(scope) = 32),
	nullifier BLOB NOT NULL CHECK (length(nullifier) = 32),
	sum       BLOB NOT NULL CHECK (length(sum) = 32),
	PRIMARY KEY (scope, nullifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
	request   BLOB    NOT NULL PRIMARY KEY REFERENCES requests (id),
	digest    BLOB    NOT NULL CHECK (length(digest) = 32),
	rule      TEXT    NOT NULL CHECK (rule IN ('once', 'pseudonym', 'none')),
	scope     BLOB    NOT NULL CHECK (length(scope) = 32),
	nullifier BLOB    NOT NULL CHECK (length(nullifier) = 32),
	watch     BLOB    NOT NULL CHECK (length(watch) = 32),
	until     INTEGER NOT NULL CHECK (until >= 0),
	recorded  BLOB    NOT NULL CHECK (length(recorded) = 32),
	sum       BLOB    NOT NULL CHECK (length(sum) = 32),
	record    BLOB    NOT NULL CHECK (length(record) >= 1)
) STRICT;
CREATE INDEX answers_until ON answers (until);

