package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zkconsent/zkconsent/internal/faulttest"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/identity/identitytest"
	"github.com/zkconsent/zkconsent/internal/server"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestFault_TokenAbuse: tokens that do not hold, of each kind and by many at
// once, beside one that does. None lets anybody in, its issuer is not asked
// without end, and who has one that holds is served all the while.
func TestFault_TokenAbuse(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	claims := issuer.Claims("insurers")
	rotated := issuer.Token(claims, nil)
	issuer.Rotate("second", jose.ES256)
	good := issuer.Token(claims, nil)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	bad := map[string]func() string{
		"wrong audience": func() string { return issuer.Token(claims, map[string]any{"aud": "another-service"}) },
		"alg none":       func() string { return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "." },
		"expired":        func() string { return issuer.Token(claims, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}) },
		"rotated":        func() string { return rotated },
		"a key that nobody has": func() string {
			return identitytest.Sign(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: rand.Text()}, claims)
		},
		"a known key's name": func() string {
			return identitytest.Sign(t, jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "second"}, claims)
		},
	}
	rounds, workers := size(2, 400), 8
	s := newSiege(t, server.Config{
		Services: append((&failing{}).services(), everything()[2]), // the verifier's has no method that does anything
		Guard: guard(t, identity.GuardConfig{
			Issuers: []identity.TokenIssuer{insurers(issuer)}, AnonymousRate: identity.Rate{PerSecond: -1}, Rate: identity.Rate{PerSecond: -1},
		}),
	})
	fetched, begun := issuer.Fetched(), time.Now()
	var refused, in, kept atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			conn := s.x.plain(t)
			defer conn.Close()
			for range rounds {
				for _, name := range slices.Sorted(maps.Keys(bad)) {
					if err := with(t, conn, "Bearer "+bad[name]()); status.Code(err) == codes.Unauthenticated {
						refused.Add(1)
					} else {
						in.Add(1)
						t.Errorf("%s: %v", name, err)
					}
				}
				if err := with(t, conn, "Bearer "+good); status.Code(err) == codes.Unimplemented {
					kept.Add(1)
				} else {
					t.Errorf("a token that holds: %v", err)
				}
			}
		})
	}
	all.Wait()
	// Once for each 10 s, and as its time comes.
	if asked, bound := issuer.Fetched()-fetched, int(time.Since(begun)/(10*time.Second))+2; asked > bound {
		t.Errorf("the issuer was asked %d times, at most %d are right", asked, bound)
	}
	s.over("services: tokens that do not hold, of six kinds", int(refused.Load()+in.Load()), faulttest.Count{Outcome: "refused", N: int(refused.Load())},
		faulttest.Count{Outcome: "let in", N: int(in.Load())}, faulttest.Count{Outcome: "calls with one that holds served meanwhile", N: int(kept.Load())})
}
