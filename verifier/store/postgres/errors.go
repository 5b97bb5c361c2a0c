package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zkconsent/zkconsent/verifier"
)

// Codes of PostgreSQL's errors (appendix A of its manual) that mean something
// of their own here.
const (
	foreignKeyViolation = "23503"
	duplicateTable      = "42P07"
	diskFull            = "53100"
	dataCorrupted       = "XX001"
	indexCorrupted      = "XX002"
)

// wrap names the errors that a caller can do something about. ctx is the
// caller's own: what ended because the store's time was over is no deadline of
// the caller's.
func wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{
		verifier.ErrNotFound, verifier.ErrExists, verifier.ErrAnswered, verifier.ErrSpent,
		verifier.ErrStoreDamaged, verifier.ErrStoreAway, ErrNotDurable, ErrForeign, ErrForgot,
	} {
		if errors.Is(err, known) {
			return err
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return verifier.ErrNotFound
	}
	if ctx.Err() != nil {
		return fmt.Errorf("verifier store: %w", ctx.Err())
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code {
		case diskFull:
			return fmt.Errorf("%w: %w", verifier.ErrStoreFull, err)
		case dataCorrupted, indexCorrupted:
			return fmt.Errorf("%w: %w", verifier.ErrStoreDamaged, err)
		}
		if !passing(e.Code) {
			return fmt.Errorf("verifier store: %w", err)
		}
	}
	// Connections that are refused, reset, closed or too slow have errors of many
	// types, some of which would read as the caller's deadline.
	return fmt.Errorf("%w: %v", verifier.ErrStoreAway, err)
}

// passing tells whether an error of the server goes by itself or by its
// operator's hand, without a change of this program.
func passing(code string) bool {
	switch code[:min(len(code), 2)] {
	case "08", // connections
		"28", "3D", // who may connect, and to what
		"40", // transactions undone by others
		"53", // connections, memory
		"57", // shutdowns, and statements that took too long
		"58": // the system below
		return true
	}
	switch code {
	case "25006", // read-only: a standby
		"25P03", "25P04", // transactions that took too long
		"55P03", "55006": // locks
		return true
	}
	return false
}

// breaks tells whether an error is one of a constraint on foreign keys.
func breaks(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == foreignKeyViolation
}
