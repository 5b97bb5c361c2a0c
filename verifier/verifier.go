package verifier

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/presented"
)

// Keys are verifying keys by the digest of their circuit's manifest entry:
// the name that requests and the ledger's directory know them by.
type Keys map[[32]byte]presented.Key

// The times that a Config has where it names none, and their bounds.
const (
	DefaultAnswerTime   = 15 * time.Minute // how long a request can be answered
	DefaultDecideWithin = time.Minute      // how long one decision may take
	MaxDecideWithin     = 10 * time.Minute
)

// A Config says who verifies, against which ledger and with what.
type Config struct {
	ID      fr.Element         // the verifier's own authority id
	Key     ed25519.PrivateKey // the key of that authority; nil where only answers are verified
	Genesis [32]byte           // genesis hash of the ledger
	Roots   RootSource         // a light client of that ledger
	Keys    Keys
	Store   Store

	Now        func() time.Time // time.Now when nil
	AnswerTime time.Duration    // DefaultAnswerTime when 0; consent.MaxAnswerTime at most
	// DecideWithin bounds one decision, from its look at the ledger to the kept
	// answer: DefaultDecideWithin when 0; MaxDecideWithin at most. Withdrawn
	// waits for decisions that long, and replicas of one store need the same.
	DecideWithin time.Duration
	WatchTags    int // DefaultWatchTags when 0
}

// LogValue keeps the key out of logs.
func (Config) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// Format keeps the key out of formatted errors.
func (Config) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// A Verifier makes requests and decides presentations. Its methods may be
// called concurrently.
type Verifier struct {
	c        *Config // a pointer: a printer sees through the fields of a printed struct
	ledger   *ledgerView
	prepared preparedSet
	counts   counts
	ids      []byte // key of the ids of requests with an intent
}

// New checks the configuration; it asks neither the ledger nor the store.
func New(c Config) (*Verifier, error) {
	switch {
	case c.ID.IsZero():
		return nil, errors.New("verifier: no authority id")
	case c.Key != nil && len(c.Key) != ed25519.PrivateKeySize:
		return nil, errors.New("verifier: the signing key is not an Ed25519 private key")
	case c.Genesis == [32]byte{}:
		return nil, errors.New("verifier: no genesis hash")
	case c.Roots == nil || c.Store == nil:
		return nil, errors.New("verifier: no root source or no store")
	case len(c.Keys) == 0:
		return nil, errors.New("verifier: no verifying keys")
	case c.AnswerTime < 0 || c.AnswerTime > consent.MaxAnswerTime:
		return nil, fmt.Errorf("verifier: answer time %s, at most %s is allowed", c.AnswerTime, consent.MaxAnswerTime)
	case c.DecideWithin < 0 || c.DecideWithin > MaxDecideWithin:
		return nil, fmt.Errorf("verifier: %s for a decision, at most %s are allowed", c.DecideWithin, MaxDecideWithin)
	case c.WatchTags < 0:
		return nil, errors.New("verifier: a negative bound for watch tags")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AnswerTime == 0 {
		c.AnswerTime = DefaultAnswerTime
	}
	if c.DecideWithin == 0 {
		c.DecideWithin = DefaultDecideWithin
	}
	if c.WatchTags == 0 {
		c.WatchTags = DefaultWatchTags
	}
	return &Verifier{c: &c, ledger: newLedgerView(&c), ids: idKey(&c)}, nil
}

func (v *Verifier) view(dir *directory.Directory, now time.Time) consent.View {
	return consent.View{Genesis: v.c.Genesis, Directory: dir, Now: now}
}
