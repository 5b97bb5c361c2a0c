-- +goose Up
CREATE INDEX answers_scope ON answers (scope, request, until, rule, nullifier);
