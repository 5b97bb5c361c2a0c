package issuer

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/presented"
)

// MaxPerson is the greatest length in bytes of a person's number.
const MaxPerson = 200

// answerTime is how long an enrol request may be answered.
const answerTime = 15 * time.Minute

// Errors of enrolment.
var (
	ErrUnknownRequest = errors.New("issuer: no such enrol request for this person")
	ErrExpired        = errors.New("issuer: the enrol request has expired; create a new one")
	ErrAnswered       = errors.New("issuer: the enrol request was answered already, with something else")
	ErrBound          = errors.New("issuer: this wallet is enrolled for another person")
	ErrPerson         = fmt.Errorf("issuer: a person's number has 1 to %d bytes", MaxPerson)
	ErrUnknownPerson  = errors.New("issuer: this person is not enrolled")
)

// A Person is an enrolled person.
type Person struct {
	Person string
	Holder fr.Element
	Since  uint64 // day since 1970 on which this wallet's nk was first enrolled; later for a second wallet
}

// An Enrolled says what an enrolment changed.
type Enrolled struct {
	Person
	// Rotated: the same wallet came with a new key, as after a theft. Its
	// pseudonyms and since stay.
	Rotated bool
	// Restarted: a known person came with another wallet. Since starts again,
	// and lies ahead, so it cannot answer a second time in a scope that is open.
	Restarted bool
	// Revoking are the credentials of the old holder. [Issuer.Resume] revokes
	// them, and Issue gives nothing out before that.
	Revoking []ID
}

// CreateEnrolRequest makes a challenge for a person who stands before the
// issuer, to be answered under a scheme that the ledger names keys for. It is
// answered once.
func (i *Issuer) CreateEnrolRequest(ctx context.Context, person string, scheme consent.Scheme) (*consent.SignedEnrolRequest, error) {
	if person == "" || len(person) > MaxPerson {
		return nil, ErrPerson
	}
	_, d, err := i.head(ctx)
	if err != nil {
		return nil, err
	}
	r := &consent.EnrolRequest{
		Issuer: i.config.ID, Genesis: i.config.Genesis, Issued: i.now(), Expires: i.now() + consent.Time(answerTime/time.Second),
		Circuit: consent.Enrol.Under(scheme),
	}
	found := false
	for _, m := range d.Manifests {
		if m.Circuit == string(r.Circuit) && r.Circuit.Known() {
			r.Manifest, found = m.Digest, true
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: it names no keys for %s", ErrLedger, r.Circuit)
	}
	if _, err := rand.Read(r.ID[:]); err != nil {
		return nil, err
	}
	if _, err := rand.Read(r.Nonce[:]); err != nil {
		return nil, err
	}
	s := consent.SignEnrolRequest(i.config.Key, r)
	_, err = i.db.ExecContext(ctx, `INSERT INTO requests (id, person, message, expires) VALUES (?, ?, ?, ?)`, r.ID[:], person, r.Encode(), int64(r.Expires))
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	return s, nil
}

// Enrol takes a wallet's answer for a person. The same answer again returns
// the person as enrolled. Errors are ErrUnknownRequest, ErrExpired, ErrAnswered,
// ErrBound, those of a malformed message, and presented's for a bad key,
// signature or proof; none of them changes anything.
func (i *Issuer) Enrol(ctx context.Context, person string, enrolment []byte) (*Enrolled, error) {
	n, err := consent.DecodeEnrolment(enrolment)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(enrolment)
	request, err := i.pending(ctx, i.db, person, n.Request, digest)
	if errors.Is(err, errSame) {
		p, err := i.Person(ctx, person)
		return &Enrolled{Person: p}, err
	}
	if err != nil {
		return nil, err
	}
	key, err := i.config.EnrolKey(request.Manifest)
	if err != nil {
		return nil, fmt.Errorf("issuer: verifying key: %w", err)
	}
	if err := presented.CheckEnrolment(key, request, n); err != nil {
		return nil, err
	}
	var out *Enrolled
	err = i.transact(ctx, func(tx *sql.Tx) error {
		// Again, inside: another answer may have come meanwhile.
		if _, err := i.pending(ctx, tx, person, n.Request, digest); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE requests SET answer = ? WHERE id = ?`, digest[:], n.Request[:]); err != nil {
			return fmt.Errorf("issuer: register: %w", err)
		}
		out, err = bind(ctx, tx, person, n, uint64(i.now())/86400)
		return err
	})
	if errors.Is(err, errSame) {
		p, err := i.Person(ctx, person)
		return &Enrolled{Person: p}, err
	}
	return out, err
}

// errSame says that this very answer was taken before.
var errSame = errors.New("issuer: answered with the same")

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// pending returns the request if this person may still answer it.
func (i *Issuer) pending(ctx context.Context, q querier, person string, id [16]byte, digest [sha256.Size]byte) (*consent.EnrolRequest, error) {
	var message, answer []byte
	var expires int64
	err := q.QueryRowContext(ctx, `SELECT message, expires, answer FROM requests WHERE id = ? AND person = ?`, id[:], person).Scan(&message, &expires, &answer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrUnknownRequest
	case err != nil:
		return nil, fmt.Errorf("issuer: register: %w", err)
	case answer != nil && bytes.Equal(answer, digest[:]):
		return nil, errSame
	case answer != nil:
		return nil, ErrAnswered
	case i.now() > consent.Time(expires):
		return nil, ErrExpired
	}
	return consent.DecodeEnrolRequest(message)
}

// restartDays is how far ahead since starts again. A scope with rule once takes
// wallets known on the day on which it opens, so the old wallet may have
// answered in one that opened today, and may still answer in one that opens
// tomorrow, until the revocation of its credentials bites in all epochs.
const restartDays = 2

// bind applies the rules of docs/spec.md §4.4.
func bind(ctx context.Context, tx *sql.Tx, person string, n *consent.Enrolment, today uint64) (*Enrolled, error) {
	fail := func(err error) (*Enrolled, error) { return nil, fmt.Errorf("issuer: register: %w", err) }
	holder, nullifier := elementBytes(n.Holder), elementBytes(n.Nullifier)
	var owner string
	err := tx.QueryRowContext(ctx, `SELECT person FROM nullifiers WHERE nullifier = ?`, nullifier).Scan(&owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fail(err)
	}
	if err == nil && owner != person {
		return nil, ErrBound
	}
	out := &Enrolled{Person: Person{person, n.Holder, today}}
	var oldHolder, oldNullifier []byte
	var since int64
	err = tx.QueryRowContext(ctx, `SELECT holder, nullifier, since FROM persons WHERE person = ?`, person).Scan(&oldHolder, &oldNullifier, &since)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fail(err)
	}
	if known {
		// A wallet that was replaced and comes back starts again, too: only the
		// live one keeps its day.
		out.Restarted = !bytes.Equal(oldNullifier, nullifier)
		out.Rotated = !out.Restarted && !bytes.Equal(oldHolder, holder)
		if out.Since = uint64(since); out.Restarted {
			out.Since = max(out.Since, today+restartDays)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO nullifiers VALUES (?, ?)`, nullifier, person); err != nil {
		return fail(err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO persons VALUES (?, ?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET holder = excluded.holder, nullifier = excluded.nullifier, since = excluded.since`,
		person, holder, nullifier, int64(out.Since)); err != nil {
		return fail(err)
	}
	if out.Rotated || out.Restarted {
		if out.Revoking, err = markRevoking(ctx, tx, `person = ? AND holder <> ?`, person, holder); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Person returns an enrolled person, or ErrUnknownPerson.
func (i *Issuer) Person(ctx context.Context, person string) (Person, error) {
	var holder []byte
	var since int64
	err := i.db.QueryRowContext(ctx, `SELECT holder, since FROM persons WHERE person = ?`, person).Scan(&holder, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, ErrUnknownPerson
	}
	if err != nil {
		return Person{}, fmt.Errorf("issuer: register: %w", err)
	}
	h, err := element(holder)
	return Person{person, h, uint64(since)}, err
}
