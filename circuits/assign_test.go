package circuits_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/circuits"
	"github.com/zkconsent/zkconsent/circuits/circuittest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/merkle"
)

func TestRefusesWitnessOfTheWrongShape(t *testing.T) {
	for _, c := range []struct {
		name, field string
		id          consent.CircuitID
		change      func(c *circuittest.Case)
	}{
		{"no consent", "consent", consent.Claim, func(c *circuittest.Case) { c.Witness.Consent = nil }},
		{"no credential", "credential", consent.Claim, func(c *circuittest.Case) { c.Witness.Credential = nil }},
		{"a consent too many", "consent", consent.Eligibility, func(c *circuittest.Case) { c.Witness.Consent = &consent.ConsentWitness{} }},
		{"a credential too many", "credential", consent.ConsentOnly, func(c *circuittest.Case) { c.Witness.Credential = &consent.CredentialWitness{} }},
		{"records in enrol", "consent", consent.Enrol, func(c *circuittest.Case) { c.Witness.Consent = &consent.ConsentWitness{} }},
		{"no registrar path", "consent.trust", consent.ConsentOnly, func(c *circuittest.Case) { c.Witness.Consent.Trust = nil }},
		{"a registrar path too many", "consent.trust", consent.Claim, func(c *circuittest.Case) { c.Witness.Consent.Trust = &merkle.Path{} }},
		{"alpha of 253 bits", "holder.alpha", consent.Enrol, func(c *circuittest.Case) { c.Witness.Holder.Alpha[0] = 0x10 }},
		{"a node used as a leaf", "consent.path", consent.Claim, func(c *circuittest.Case) {
			c.Witness.Consent.Path.Siblings = c.Witness.Consent.Path.Siblings[1:]
		}},
		{"a leaf below the leaves", "credential.path", consent.Claim, func(c *circuittest.Case) {
			p := &c.Witness.Credential.Path
			p.Siblings = append(p.Siblings, [3]fr.Element{})
		}},
		{"an index beyond the tree", "credential.path", consent.Claim, func(c *circuittest.Case) { c.Witness.Credential.Path.Index |= 1 << 30 }},
		{"a short trust path", "credential.trust", consent.Eligibility, func(c *circuittest.Case) { c.Witness.Credential.Trust = merkle.Path{} }},
		{"a short set path", "credential.sets.path", consent.EligibilityWide, func(c *circuittest.Case) {
			p := &c.Witness.Credential.Sets[1].Path
			p.Siblings = p.Siblings[:5]
		}},
		{"a choice too few", "credential.ranges", consent.Claim, func(c *circuittest.Case) {
			c.Witness.Credential.Ranges = c.Witness.Credential.Ranges[:3]
		}},
		{"a set too few", "credential.sets", consent.ClaimWide, func(c *circuittest.Case) {
			c.Witness.Credential.Sets = c.Witness.Credential.Sets[:1]
		}},
		{"slot 11", "credential.ranges", consent.Claim, func(c *circuittest.Case) { c.Witness.Credential.Ranges[1] = 11 }},
		{"slot -1", "credential.sets", consent.Claim, func(c *circuittest.Case) { c.Witness.Credential.Sets[0].Slot = -1 }},
		{"a time beyond 2^40", "consent.terms", consent.Claim, func(c *circuittest.Case) {
			c.Witness.Consent.Opening.Terms.NotAfter = consent.MaxTime + 1
		}},
		{"expiry beyond 2^40", "credential.expires", consent.Claim, func(c *circuittest.Case) {
			c.Witness.Credential.Opening.Expires = consent.MaxTime + 1
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := circuittest.New(t, c.id, 50)
			c.change(k)
			_, err := circuits.NewWitness(&k.Statement, &k.Witness)
			var shape *circuits.WitnessError
			if !errors.As(err, &shape) || shape.Field != c.field {
				t.Fatalf("got %v, want a *WitnessError for %s", err, c.field)
			}
		})
	}
	k := circuittest.New(t, consent.Enrol, 51)
	if _, err := circuits.Assign(&k.Statement, nil); err == nil {
		t.Error("no witness at all passes")
	}
}

func TestRefusesUnknownCircuit(t *testing.T) {
	var unknown *circuits.CircuitError
	if _, err := circuits.Compile("claim/narrow/plonk"); !errors.As(err, &unknown) {
		t.Errorf("Compile: %v", err)
	}
	k := circuittest.New(t, consent.Enrol, 52)
	k.Statement.Circuit = "claim/narrow/plonk"
	if _, err := circuits.Assign(&k.Statement, &k.Witness); err == nil {
		t.Error("Assign takes an unknown circuit")
	}
}

func TestAttack_WitnessInLogs(t *testing.T) {
	k := circuittest.New(t, consent.Claim, 53)
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	w := &k.Witness
	for _, v := range []any{k.Witness, w, w.Holder, &w.Holder, *w.Consent, w.Consent, *w.Credential, w.Credential, w.Credential.Sets[0], w.Credential.Sets} {
		log.Info("a witness", "value", v)
		fmt.Fprintf(&out, "%v %+v %#v %s %d %x\n", v, v, v, v, v, v)
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T has the JSON form %d bytes long", v, len(b))
		}
	}
	for name, secret := range map[string]fr.Element{
		"nk": w.Holder.Nk, "ak.x": w.Holder.AkX, "consent salt": w.Consent.Opening.Salt, "w": w.Consent.Opening.W,
		"credential salt": w.Credential.Opening.Salt, "issuer": w.Credential.Authority,
	} {
		words := fmt.Sprintf("%d", [4]uint64(secret))
		for _, form := range []string{secret.String(), fmt.Sprintf("%x", secret.Bytes()), strings.Trim(words, "[]")} {
			if strings.Contains(out.String(), form) {
				t.Errorf("%s is in the output", name)
			}
		}
	}
	if !strings.Contains(out.String(), "REDACTED") {
		t.Error("nothing was redacted: the test looks at the wrong output")
	}
}
