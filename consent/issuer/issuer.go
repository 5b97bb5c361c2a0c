package issuer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/presented"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// A Ledger shows the ledger as signed headers prove it and takes transactions.
type Ledger interface {
	// Head returns a verified head and the directory that it names.
	Head(ctx context.Context) (directory.Head, *directory.Directory, error)
	// Records returns the entries [from, to) of the record log.
	Records(ctx context.Context, from, to uint64) ([]journal.Record, error)
	// Submit puts a transaction on the ledger and waits for its block.
	Submit(ctx context.Context, t *transaction.Transaction) (*transaction.Result, error)
}

// Config is what an issuer needs.
type Config struct {
	Genesis [32]byte
	ID      fr.Element         // stable authority id
	Key     ed25519.PrivateKey // its current key
	Ledger  Ledger
	// EnrolKey finds the verifying key of the enrol circuit by the digest of
	// its manifest entry, as the ledger's directory names it, and refuses one
	// of a setup by one party unless the ledger's parameters allow it.
	EnrolKey func(manifest [32]byte) (presented.Key, error)
	Now      func() time.Time // time.Now if nil
}

// LogValue keeps the key out of logs.
func (Config) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// Format keeps the key out of formatted errors.
func (Config) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// An Issuer is an open register. It is safe for use by several goroutines.
type Issuer struct {
	config *Config
	db     *sql.DB
}

// Errors of an issuer.
var (
	ErrStale      = errors.New("issuer: the newest head that the ledger shows is not fresh")
	ErrLedger     = errors.New("issuer: the ledger's answer cannot be right")
	ErrNotIssuer  = errors.New("issuer: the ledger does not know this key as an active issuer's")
	ErrConfig     = errors.New("issuer: Config lacks Genesis, ID, Key, Ledger or EnrolKey")
	ErrNotAllowed = errors.New("issuer: the ledger refused")
	ErrQuota      = errors.New("issuer: the ledger's quota of this epoch is used up; resume in the next one")
)

// Open opens or creates the register at path.
func Open(path string, c Config) (*Issuer, error) {
	if c.Genesis == [32]byte{} || c.ID.IsZero() || len(c.Key) != ed25519.PrivateKeySize || c.Ledger == nil || c.EnrolKey == nil {
		return nil, ErrConfig
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	db, err := openRegister(path, c.Genesis, c.ID)
	if err != nil {
		return nil, err
	}
	return &Issuer{config: &c, db: db}, nil
}

// Close closes the register.
func (i *Issuer) Close() error { return i.db.Close() }

func (i *Issuer) now() consent.Time {
	return consent.Time(min(uint64(max(i.config.Now().Unix(), 0)), uint64(consent.MaxTime)))
}

// head takes a fresh head that knows this issuer.
func (i *Issuer) head(ctx context.Context) (directory.Head, *directory.Directory, error) {
	h, d, err := i.config.Ledger.Head(ctx)
	if err != nil {
		return h, nil, fmt.Errorf("issuer: reading the ledger: %w", err)
	}
	if d == nil || h.State.Genesis != i.config.Genesis || h.State.Directory != d.Digest() {
		return h, nil, fmt.Errorf("%w: it is another ledger, or the directory is not the head's", ErrLedger)
	}
	age := i.config.Now().Sub(time.Unix(int64(h.Time), 0))
	if age > time.Duration(d.Parameters.MaxHeadAge)*time.Second || age < -consent.ClockSkew {
		return h, nil, fmt.Errorf("%w: it is %d s old", ErrStale, int64(age/time.Second))
	}
	a, ok := d.Authority(i.config.ID)
	if !ok || !a.Active || a.Roles&directory.Issuer == 0 || !a.Key.Equal(i.config.Key.Public()) {
		return h, nil, ErrNotIssuer
	}
	return h, d, nil
}

// expiryBlocks is how many blocks a transaction stays valid.
const expiryBlocks = 500

func (i *Issuer) submit(ctx context.Context, kind transaction.Kind, payload []byte, items int) ([]transaction.ItemCode, error) {
	h, _, err := i.head(ctx)
	if err != nil {
		return nil, err
	}
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	t := &transaction.Transaction{
		Genesis: i.config.Genesis, Expiry: h.Height + expiryBlocks, Nonce: binary.BigEndian.Uint64(nonce[:]), Kind: kind, Payload: payload,
	}
	t.Sign(i.config.ID, i.config.Key)
	r, err := i.config.Ledger.Submit(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("issuer: submitting: %w", err)
	}
	if err := r.Refused(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if len(r.Items) != items {
		return nil, fmt.Errorf("%w: %d codes for %d items", ErrLedger, len(r.Items), items)
	}
	return r.Items, nil
}
