-- +goose Up
CREATE TABLE zkconsent_verifier.requests (
	id      bytea  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
	expires bigint NOT NULL CHECK (expires >= 0),
	signed  bytea  NOT NULL CHECK (octet_length(signed) BETWEEN 1 AND 1050000),
	sum     bytea  NOT NULL CHECK (octet_length(sum) = 32)
);
CREATE INDEX requests_expires ON zkconsent_verifier.requests (expires, id);

CREATE TABLE zkconsent_verifier.spent (
	scope     bytea NOT NULL CHECK (octet_length(scope) = 32),
	nullifier bytea NOT NULL CHECK (octet_length(nullifier) = 32),
	sum       bytea NOT NULL CHECK (octet_length(sum) = 32),
	PRIMARY KEY (scope, nullifier)
);

CREATE TABLE zkconsent_verifier.answers (
	request   bytea  NOT NULL PRIMARY KEY REFERENCES zkconsent_verifier.requests (id),
	digest    bytea  NOT NULL CHECK (octet_length(digest) = 32),
	rule      text   NOT NULL CHECK (rule IN ('once', 'pseudonym', 'none')),
	scope     bytea  NOT NULL CHECK (octet_length(scope) = 32),
	nullifier bytea  NOT NULL CHECK (octet_length(nullifier) = 32),
	watch     bytea  NOT NULL CHECK (octet_length(watch) = 32),
	until     bigint NOT NULL CHECK (until >= 0),
	recorded  bytea  NOT NULL CHECK (octet_length(recorded) = 32),
	sum       bytea  NOT NULL CHECK (octet_length(sum) = 32),
	record    bytea  NOT NULL CHECK (octet_length(record) >= 1)
);
CREATE INDEX answers_scope ON zkconsent_verifier.answers (scope, request) INCLUDE (until, rule, nullifier);
