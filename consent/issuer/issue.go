package issuer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
)

// An ID names a credential in the register.
type ID int64

// An Order is what to attest.
type Order struct {
	Person     string
	Schema     *consent.Schema
	Attributes [consent.Slots]consent.Attribute // slot 0 is the issuer's to fill
	Texts      consent.Texts                    // the words behind attributes of type text; may be empty
	Expires    consent.Time
}

// LogValue keeps a patient's values out of logs.
func (Order) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// Format keeps them out of formatted errors.
func (Order) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// An Issued is a credential that is on the ledger or on its way there.
type Issued struct {
	ID    ID
	Offer *consent.Offer
}

// An OrderError reports an order that cannot be issued.
type OrderError struct {
	Field  string
	Reason string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("issuer: order: %s: %s", e.Field, e.Reason)
}

// ErrRevoking reports credentials to be revoked that no verified log shows as
// revoked; [Issuer.Resume] goes on with that.
var ErrRevoking = errors.New("issuer: the ledger does not show all of this person's revocations yet; ask again, or another node")

// Issue writes a credential into the register, commits it on the ledger, and
// returns the offer for the holder. If the ledger cannot be reached, the error
// comes together with the Issued: Resume commits it later.
func (i *Issuer) Issue(ctx context.Context, o Order) (*Issued, error) {
	_, d, err := i.head(ctx)
	if err != nil {
		return nil, err
	}
	if err := i.check(&o, d); err != nil {
		return nil, err
	}
	p, err := i.Person(ctx, o.Person)
	if err != nil {
		return nil, err
	}
	if waiting, err := i.revoking(ctx, o.Person); err != nil {
		return nil, err
	} else if waiting {
		waits := i.Resume(ctx)
		if waits != nil && !errors.Is(waits, ErrQuota) {
			return nil, errors.Join(ErrRevoking, waits)
		}
		if waiting, err = i.revoking(ctx, o.Person); err != nil || waiting {
			return nil, errors.Join(ErrRevoking, waits, err)
		}
	}
	offer, err := i.offer(&o, p)
	if err != nil {
		return nil, err
	}
	cm := offer.Credential.Commitment()
	// The person must still be the holder's when the row is written.
	r, err := i.db.ExecContext(ctx, `INSERT INTO credentials (person, holder, schema, cm, lock, expires, offer)
		SELECT person, holder, ?, ?, ?, ?, ? FROM persons WHERE person = ? AND holder = ?`,
		o.Schema.Name, elementBytes(cm), elementBytes(offer.Lock), int64(o.Expires), offer.Encode(), o.Person, elementBytes(p.Holder))
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return nil, errors.Join(ErrUnknownPerson, err)
	}
	id, err := r.LastInsertId()
	if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	return &Issued{ID(id), offer}, i.commitRecorded(ctx)
}

func (i *Issuer) check(o *Order, d *directory.Directory) error {
	if o.Schema == nil {
		return &OrderError{"schema", "is missing"}
	}
	if err := o.Schema.Validate(); err != nil {
		return &OrderError{"schema", err.Error()}
	}
	digest, known := o.Schema.Digest(), false
	for _, n := range d.Schemas {
		known = known || n.Name == o.Schema.Name && n.Digest.Equal(&digest)
	}
	switch {
	case !known:
		return &OrderError{"schema", fmt.Sprintf("%q is not the version that the ledger names", o.Schema.Name)}
	case o.Expires <= i.now() || o.Expires > consent.MaxTime:
		return &OrderError{"expires", "must lie in the future and below 2^40"}
	case o.Attributes[0].Present:
		return &OrderError{"attributes", "slot 0 is filled by the issuer"}
	}
	for s, a := range o.Attributes {
		slot, declared := o.Schema.Slot(s)
		if a.Present && !declared {
			return &OrderError{"attributes", fmt.Sprintf("slot %d is not declared by the schema", s)}
		}
		if !a.Present {
			if a.Value != 0 {
				return &OrderError{"attributes", fmt.Sprintf("slot %d is absent and has a value", s)}
			}
			continue
		}
		if _, err := slot.Decode(a.Value); err != nil {
			return &OrderError{"attributes", fmt.Sprintf("slot %d has no value of its type", s)}
		}
	}
	if err := o.Texts.Check(o.Schema, &o.Attributes); err != nil {
		return &OrderError{"texts", err.Error()}
	}
	return nil
}

func (i *Issuer) offer(o *Order, p Person) (*consent.Offer, error) {
	offer := &consent.Offer{Genesis: i.config.Genesis, Issuer: i.config.ID, Schema: o.Schema.Encode(), Texts: o.Texts}
	c := &offer.Credential
	c.Holder, c.Schema, c.Expires, c.Attributes = p.Holder, o.Schema.Digest(), o.Expires, o.Attributes
	c.Attributes[0] = consent.Attribute{Value: consent.DayValue(p.Since), Present: true}
	if _, err := c.Salt.SetRandom(); err != nil {
		return nil, fmt.Errorf("issuer: drawing a salt: %w", err)
	}
	// rs is dropped: an issuer revokes by its key, and what is not kept cannot
	// be stolen.
	var rs fr.Element
	if _, err := rs.SetRandom(); err != nil {
		return nil, fmt.Errorf("issuer: drawing a lock: %w", err)
	}
	offer.Lock = consent.Lock(rs)
	return offer, nil
}

// Offer returns the offer of a credential until it was delivered.
func (i *Issuer) Offer(ctx context.Context, id ID) (*consent.Offer, error) {
	var b []byte
	if err := i.db.QueryRowContext(ctx, `SELECT offer FROM credentials WHERE id = ?`, id).Scan(&b); errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnknownCredential
	} else if err != nil {
		return nil, fmt.Errorf("issuer: register: %w", err)
	}
	if len(b) == 0 {
		return nil, ErrDelivered
	}
	return consent.DecodeOffer(b)
}

// ErrUnknownCredential reports a number under which no credential is on the
// ledger.
var ErrUnknownCredential = errors.New("issuer: no committed credential has this number")

// ErrDelivered reports an offer that the register no longer has.
var ErrDelivered = errors.New("issuer: the offer was delivered and erased; revoke the credential and issue a new one")

// Delivered erases an offer, and with it the attributes, once its holder has it.
func (i *Issuer) Delivered(ctx context.Context, id ID) error {
	r, err := i.db.ExecContext(ctx, `UPDATE credentials SET offer = NULL WHERE id = ? AND committed = 1`, id)
	if err != nil {
		return fmt.Errorf("issuer: register: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrUnknownCredential, err)
	}
	return nil
}
