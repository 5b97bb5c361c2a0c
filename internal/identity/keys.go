package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys       = 64
	maxDocument   = 1 << 20 // bytes of what an issuer answers
	fetchTimeout  = 10 * time.Second
	firstRetry    = time.Second
	lastRetry     = 30 * time.Second
	refetchAfter  = 10 * time.Second // a key that is not known makes one look again, this often at most
	waitForKeys   = 5 * time.Second
	staleFactor   = 12 // keys hold for so many times KeysEvery while the issuer cannot be asked
	minimalRSA    = 2048
	maximalRSA    = 8192 // what a signature costs to verify grows with its square
	defaultEvery  = 5 * time.Minute
	shortestEvery = 10 * time.Millisecond
)

var errAway = errors.New("identity: the issuer's keys are not known")

// keys are an issuer's public keys, as it published them last.
type keys struct {
	issuer string
	client *http.Client
	every  time.Duration
	now    func() time.Time
	log    *slog.Logger
	wanted chan struct{} // asks for another attempt

	mu    sync.Mutex
	set   []jose.JSONWebKey
	at    time.Time     // when the set was fetched
	tried time.Time     // when an attempt was begun last
	asked bool          // the first attempt is over
	round chan struct{} // closed when the next attempt is over
}

// follow fetches the keys, again and again, until ctx ends.
func (k *keys) follow(ctx context.Context) {
	retry := firstRetry
	for {
		k.mu.Lock()
		k.tried = k.now()
		k.mu.Unlock()
		set, err := k.fetch(ctx)
		wait := k.every
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			// The issuer's words are quoted: nobody vouches for them.
			k.log.LogAttrs(ctx, slog.LevelWarn, "an issuer's keys cannot be fetched", slog.String("issuer", k.issuer), slog.String("error", err.Error()))
			wait, retry = retry, min(2*retry, lastRetry)
		default:
			retry = firstRetry
		}
		k.mu.Lock()
		if err == nil {
			k.set, k.at = set, k.now()
		}
		k.asked = true
		close(k.round)
		k.round = make(chan struct{})
		k.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-k.wanted:
			timer.Stop()
		}
	}
}

// named returns the keys that a token may be signed with: the one with its key
// id, or all where it names none. When none fits, the issuer is asked once more,
// unless it was just now.
func (k *keys) named(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	found, round, err := k.look(id)
	if round == nil {
		return found, err
	}
	select {
	case k.wanted <- struct{}{}:
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, waitForKeys)
	defer cancel()
	select {
	case <-round:
	case <-ctx.Done():
		return nil, err
	}
	found, _, err = k.look(id)
	return found, err
}

// look returns the keys that fit, or what to wait for, if that is worth it, and
// what to answer else.
func (k *keys) look(id string) (found []jose.JSONWebKey, wait <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil || k.now().Sub(k.at) > staleFactor*k.every {
		if !k.asked {
			return nil, k.round, errAway
		}
		return nil, nil, errAway
	}
	for _, key := range k.set {
		if id == "" || key.KeyID == id {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		if k.now().Sub(k.tried) >= refetchAfter {
			return nil, k.round, errRefused
		}
		return nil, nil, errRefused
	}
	return found, nil, nil
}

// fetch finds where the issuer publishes its keys, and reads them.
func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, k.client), fetchTimeout)
	defer cancel()
	p, err := oidc.NewProvider(ctx, k.issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %q", short(err))
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&found); err != nil {
		return nil, fmt.Errorf("discovery: %q", short(err))
	}
	if err := checkURL(found.Keys); err != nil {
		return nil, err
	}
	if strings.HasPrefix(k.issuer, "https:") && !strings.HasPrefix(found.Keys, "https:") {
		// On this machine's loopback anybody with an account could answer in the
		// issuer's name, or be asked something in ours.
		return nil, errors.New("discovery: the keys of an issuer with https are at an address without")
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, found.Keys, nil)
	if err != nil {
		return nil, fmt.Errorf("keys: %q", short(err))
	}
	r, err := k.client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("keys: %q", short(err))
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: status %d", r.StatusCode)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("keys: %q", short(err))
	}
	return decodeKeys(b)
}

// decodeKeys reads a key set and leaves out what no token here may be signed
// with: secrets, weak keys, keys for encryption, kinds that are unknown.
func decodeKeys(b []byte) ([]jose.JSONWebKey, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &document); err != nil {
		return nil, errors.New("keys: no key set")
	}
	if len(document.Keys) > maxKeys {
		return nil, fmt.Errorf("keys: %d of them, at most %d are allowed", len(document.Keys), maxKeys)
	}
	set := []jose.JSONWebKey{}
	for _, raw := range document.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil || !key.Valid() || key.Use != "" && key.Use != "sig" {
			continue
		}
		if alg := algorithm(key.Key); alg != "" && (key.Algorithm == "" || key.Algorithm == alg) {
			key.Algorithm = alg
			set = append(set, key)
		}
	}
	return set, nil
}

// algorithm is the one with which a public key signs, empty for a key that is
// none or too weak.
func algorithm(key any) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); minimalRSA <= n && n <= maximalRSA {
			return oidc.RS256
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return oidc.ES256
		}
	case ed25519.PublicKey:
		return oidc.EdDSA
	}
	return ""
}

// short bounds what an issuer can write into the log.
func short(err error) string {
	s := err.Error()
	return s[:min(len(s), 300)]
}
