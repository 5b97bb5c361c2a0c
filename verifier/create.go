package verifier

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// ErrReused reports an intent under which another request was made.
var ErrReused = errors.New("verifier: another request was made under this key")

// A Template is the request that is asked at a time. Id, nonce, times, signer,
// genesis and manifest are the verifier's; what the template says of them is
// ignored. Its Until of 0 means the end of the time for the answer, or under
// rule none the moment of the request; a MaxRootAge of 0 means the ledger's
// limit.
type Template func(now time.Time) (consent.Request, error)

// An Intent is one wish for a request, however often it is told.
type Intent struct {
	Owner string // who wishes; the same key of two owners is two intents
	Key   string // drawn at random by the owner for this one wish
}

// CreateRequest completes a template, signs it and stores it.
//
// A request that the shared validator refuses is not stored: the error is a
// *consent.RequestError then. One with a text that no wallet could read is a
// *tlv.Error. ErrStaleHead means that the ledger's rules of today are not known.
func (v *Verifier) CreateRequest(ctx context.Context, template consent.Request) (*consent.SignedRequest, error) {
	return v.Create(ctx, func(time.Time) (consent.Request, error) { return template, nil })
}

// Create is CreateRequest of a template that depends on the time.
func (v *Verifier) Create(ctx context.Context, template Template) (*consent.SignedRequest, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	return v.create(ctx, id, template)
}

// CreateOnce is CreateRequest for a caller that may tell its intent again: it
// returns the request that was made first, also to calls at the same time and
// of other replicas, and also when that has expired meanwhile. A template that
// asks something else by the clock of the first call is ErrReused.
//
// The request's id is a pseudo-random function of the intent under a key that
// is derived from the signing key (docs/spec.md §10.1): nobody else can tell it
// from a drawn one, or find the request of an intent that they know. When the
// signing key is rotated, or the request purged, the intent is a new one.
func (v *Verifier) CreateOnce(ctx context.Context, in Intent, template Template) (*consent.SignedRequest, error) {
	if v.c.Key == nil {
		return nil, errNoKey
	}
	id := v.idOf(in)
	first, err := v.again(ctx, id, template)
	if !errors.Is(err, ErrNotFound) {
		return first, err
	}
	made, err := v.create(ctx, id, template)
	if errors.Is(err, ErrExists) {
		return v.again(ctx, id, template)
	}
	return made, err
}

var errNoKey = errors.New("verifier: no signing key, so no requests")

// create makes a request of this id.
func (v *Verifier) create(ctx context.Context, id [16]byte, template Template) (*consent.SignedRequest, error) {
	if v.c.Key == nil {
		return nil, errNoKey
	}
	s, err := v.ledger.look(ctx)
	if err != nil {
		return nil, err
	}
	now := v.c.Now()
	r, err := template(now)
	if err != nil {
		return nil, err
	}
	as := consent.Request{ID: id, Issued: consent.Time(now.Unix()), MaxRootAge: s.dir.Parameters.MaxRootAge()}
	if _, err := rand.Read(as.Nonce[:]); err != nil {
		return nil, err
	}
	as.Expires = as.Issued + consent.Time(v.c.AnswerTime/time.Second)
	for _, m := range s.dir.Manifests {
		if m.Circuit == string(r.Circuit) {
			as.Manifest = m.Digest
		}
	}
	v.complete(&r, &as)
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
		return nil, unable("keeping the request", err)
	}
	return signed, nil
}

// complete fills in what is the verifier's, which as has.
func (v *Verifier) complete(r, as *consent.Request) {
	r.ID, r.Nonce, r.Signer, r.Genesis = as.ID, as.Nonce, v.c.ID, v.c.Genesis
	r.Issued, r.Expires, r.Manifest = as.Issued, as.Expires, as.Manifest
	if r.Until == 0 {
		r.Until = r.Issued
		if r.Rule != consent.None {
			r.Until = r.Expires // otherwise an answer could come after its own end
		}
	}
	if r.MaxRootAge == 0 {
		r.MaxRootAge = as.MaxRootAge
	}
}

// again returns the kept request of this id if it is what the template asked
// at its time.
func (v *Verifier) again(ctx context.Context, id [16]byte, template Template) (*consent.SignedRequest, error) {
	a, err := v.c.Store.Request(ctx, id)
	if err != nil {
		return nil, unable("looking for the request", err)
	}
	kept, err := v.own(id, a.Signed)
	if err != nil {
		return nil, err
	}
	r, err := template(time.Unix(int64(kept.Request.Issued), 0))
	if err != nil {
		return nil, err
	}
	v.complete(&r, kept.Request)
	if r.Challenge() != kept.Request.Challenge() {
		return nil, ErrReused
	}
	return kept, nil
}

// Request returns the signed-request message that a wallet answers, or
// ErrNotFound for one that was never asked by this verifier, can no longer be
// answered, or is purged.
func (v *Verifier) Request(ctx context.Context, id [16]byte) ([]byte, error) {
	a, err := v.c.Store.Request(ctx, id)
	if err != nil {
		return nil, unable("looking for the request", err)
	}
	if _, err := v.own(id, a.Signed); err != nil {
		return nil, err
	}
	if v.late(a.Expires) {
		return nil, fmt.Errorf("%w: the request has expired", ErrNotFound)
	}
	return a.Signed, nil
}

// late tells whether a request can no longer be answered.
func (v *Verifier) late(expires consent.Time) bool {
	return consent.Time(max(v.c.Now().Unix(), 0)) > expires+consent.Time(consent.ClockSkew/time.Second)
}

// idLabel separates the key of ids from every other use of the signing key's
// seed.
const idLabel = "zkconsent/v1/request-id"

// idKey derives the key of the ids of intents; nil without a signing key.
func idKey(c *Config) []byte {
	if c.Key == nil {
		return nil
	}
	k, err := hkdf.Key(sha256.New, ed25519.PrivateKey(c.Key).Seed(), c.Genesis[:], idLabel, sha256.Size)
	if err != nil {
		panic("verifier: " + err.Error()) // of a key longer than 255 hashes alone
	}
	return k
}

// idOf is the id of an intent's request.
func (v *Verifier) idOf(in Intent) (id [16]byte) {
	m := hmac.New(sha256.New, v.ids)
	for _, part := range []string{in.Owner, in.Key} {
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		m.Write([]byte(part))
	}
	copy(id[:], m.Sum(nil))
	return id
}
