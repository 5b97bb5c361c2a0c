package verifier

import (
	"context"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
)

// What a Store reports; its errors wrap them. Any other error means that the
// store could not tell, and nothing is accepted.
var (
	// ErrNotFound reports a request or an answer that the store does not hold.
	ErrNotFound = errors.New("verifier: not in the store")
	// ErrExists reports a request of an id that the store holds already. What it
	// holds is as it was: Request returns it.
	ErrExists = errors.New("verifier: a request of this id is in the store")
	// ErrAnswered reports that another presentation has answered the request.
	ErrAnswered = errors.New("verifier: the request is already answered")
	// ErrSpent reports that the nullifier was used in a scope with rule once.
	ErrSpent = errors.New("verifier: the nullifier is spent in this scope")
	// ErrStoreFull reports that the store's bound is reached.
	ErrStoreFull = errors.New("verifier: the store is full; purge it or raise its bound")
	// ErrStoreDamaged reports a row that is not as it was written.
	ErrStoreDamaged = errors.New("verifier: the store is damaged; restore it from a backup")
	// ErrStoreAway reports a store that cannot be asked now: its database is
	// gone, too slow or has no place left for another caller. Whether an Accept
	// or an AddRequest that ended so was kept is not known: the same call again
	// tells.
	ErrStoreAway = errors.New("verifier: the store cannot be asked now; try again later")
)

// unable says what a store was asked for when it failed. A failure that the
// store has no name for is one that may pass.
func unable(asked string, err error) error {
	if err == nil {
		return nil
	}
	for _, named := range []error{ErrNotFound, ErrExists, ErrAnswered, ErrSpent, ErrStoreFull, ErrStoreDamaged, ErrStoreAway} {
		if errors.Is(err, named) {
			return fmt.Errorf("verifier: %s: %w", asked, err)
		}
	}
	return fmt.Errorf("verifier: %s: %w: %w", asked, ErrStoreAway, err)
}

// An Asked is a request as it is kept.
type Asked struct {
	ID      [16]byte
	Expires consent.Time
	Signed  []byte // signed-request message
}

// An Answer is an accepted presentation as it is kept, with the columns by
// which it is found again.
type Answer struct {
	Request   [16]byte
	Digest    [32]byte // of the presentation
	Rule      consent.Rule
	Scope     fr.Element
	Nullifier fr.Element
	Watch     fr.Element // zero where no consent was proved
	Until     consent.Time
	Record    []byte // record message; left out by Standing
}

// Requests keeps what was asked.
type Requests interface {
	// AddRequest keeps a request; it is durable when AddRequest returns. It
	// reports ErrExists for an id that is kept already, also against concurrent
	// calls.
	AddRequest(ctx context.Context, a Asked) error
	// Request returns a request, or ErrNotFound.
	Request(ctx context.Context, id [16]byte) (Asked, error)
}

// Answers keeps what was accepted.
type Answers interface {
	// Answer returns the answer to a request, or ErrNotFound.
	Answer(ctx context.Context, request [16]byte) (Answer, error)
	// Spent tells whether a nullifier was used in a scope with rule once. It
	// stays so when the record is purged.
	Spent(ctx context.Context, scope, nullifier fr.Element) (bool, error)
	// Accept makes the request answered, the nullifier spent (rule once) and
	// the record kept, durably and in one transaction, or does nothing. It
	// reports ErrNotFound, ErrAnswered or ErrSpent, the last two also against
	// concurrent calls.
	Accept(ctx context.Context, a Answer) error
}

// Records goes through what is kept.
type Records interface {
	// Standing returns at most limit answers under the rules once and
	// pseudonym whose Until is not before now, in order of their requests' ids
	// and above after, without their records.
	Standing(ctx context.Context, now consent.Time, after *[16]byte, limit int) ([]Answer, error)
	// Purge deletes the answers whose Until, and the requests whose Expires,
	// lie before the given time, and returns how many answers went, beside an
	// error too. An answer stays as long as its request. Spent nullifiers stay
	// for ever.
	Purge(ctx context.Context, before consent.Time) (int, error)
}

// Scopes looks at the answers of one scope.
type Scopes interface {
	// CountScope counts the answers that are kept in a scope, the different
	// nullifiers among them, and those of them that Standing would return at now.
	// The three are of one moment. Counting reads no sums of rows: a damaged row
	// is an error where it is read, and may be miscounted here.
	CountScope(ctx context.Context, scope fr.Element, now consent.Time) (answers, nullifiers, standing uint64, err error)
	// StandingIn is Standing for the answers of one scope.
	StandingIn(ctx context.Context, scope fr.Element, now consent.Time, after *[16]byte, limit int) ([]Answer, error)
}

// A Store is a verifier's memory, split by what each part guarantees.
type Store interface {
	Requests
	Answers
	Records
	Scopes
}
