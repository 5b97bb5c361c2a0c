package verifier

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
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

// DefaultAnswerTime is how long a request can be answered.
const DefaultAnswerTime = 15 * time.Minute

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
	WatchTags  int              // DefaultWatchTags when 0
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
	case c.WatchTags < 0:
		return nil, errors.New("verifier: a negative bound for watch tags")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AnswerTime == 0 {
		c.AnswerTime = DefaultAnswerTime
	}
	if c.WatchTags == 0 {
		c.WatchTags = DefaultWatchTags
	}
	return &Verifier{c: &c, ledger: newLedgerView(&c)}, nil
}

func (v *Verifier) view(dir *directory.Directory, now time.Time) consent.View {
	return consent.View{Genesis: v.c.Genesis, Directory: dir, Now: now}
}

// CreateRequest completes a template, signs it and stores it. Id, nonce,
// times, signer, genesis and manifest are the verifier's; what the template
// says of them is ignored. A template's Until of 0 means the end of the time
// for the answer, or under rule none the moment of the request; a MaxRootAge
// of 0 means the ledger's limit.
//
// A request that the shared validator refuses is not stored: the error is a
// *consent.RequestError then. ErrStaleHead means that the ledger's rules of
// today are not known.
func (v *Verifier) CreateRequest(ctx context.Context, template consent.Request) (*consent.SignedRequest, error) {
	if v.c.Key == nil {
		return nil, errors.New("verifier: no signing key, so no requests")
	}
	s, err := v.ledger.look(ctx)
	if err != nil {
		return nil, err
	}
	now := v.c.Now()
	r := template
	if _, err := rand.Read(r.ID[:]); err != nil {
		return nil, err
	}
	if _, err := rand.Read(r.Nonce[:]); err != nil {
		return nil, err
	}
	r.Signer, r.Genesis = v.c.ID, v.c.Genesis
	r.Issued = consent.Time(now.Unix())
	r.Expires = r.Issued + consent.Time(v.c.AnswerTime/time.Second)
	for _, m := range s.dir.Manifests {
		if m.Circuit == string(r.Circuit) {
			r.Manifest = m.Digest
		}
	}
	if r.Until == 0 {
		r.Until = r.Issued
		if r.Rule != consent.None {
			r.Until = r.Expires // otherwise an answer could come after its own end
		}
	}
	if r.MaxRootAge == 0 {
		r.MaxRootAge = s.dir.Parameters.MaxRootAge()
	}
	signed := consent.SignRequest(v.c.Key, &r)
	if _, err := signed.Validate(v.view(s.dir, now)); err != nil {
		return nil, err
	}
	if v.c.Keys[r.Manifest] == nil {
		return nil, fmt.Errorf("verifier: no verifying key for %s under the ledger's manifest %x", r.Circuit, r.Manifest[:8])
	}
	encoded := signed.Encode()
	if again, err := consent.DecodeSignedRequest(encoded); err != nil {
		return nil, fmt.Errorf("verifier: the request would not be readable: %w", err)
	} else if again.Request.Challenge() != r.Challenge() {
		return nil, errors.New("verifier: the request would be read as another one")
	}
	if err := v.c.Store.AddRequest(ctx, Asked{ID: r.ID, Expires: r.Expires, Signed: encoded}); err != nil {
		return nil, fmt.Errorf("verifier: keeping the request: %w", err)
	}
	return signed, nil
}
