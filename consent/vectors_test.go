package consent_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// A vector pins a value of the protocol: another implementation, or this one
// next year, must come to the same.
type vector struct {
	Name  string `json:"name"`
	Value string `json:"value"` // hexadecimal
}

func vectors(t *testing.T) []vector {
	var all []vector
	element := func(name string, e fr.Element) { all = append(all, vector{name, field.Hex(e)}) }
	raw := func(name string, b []byte) { all = append(all, vector{name, hex.EncodeToString(b)}) }

	holder := consent.HolderOf(field.Uint(1), field.Uint(2), field.Uint(3))
	element("holder of ak (1, 2), nk 3", holder)
	element("nullifier of nk 3 in scope 4", consent.Nullifier(field.Uint(3), field.Uint(4)))
	w := consent.WithdrawalKey(field.Uint(5))
	element("withdrawal key of v 5", w)
	element("watch tag in scope 4", consent.Watch(w, field.Uint(4)))
	lock := consent.Lock(field.Uint(6))
	element("lock of rs 6", lock)
	c := consent.Consent{
		Holder: holder, Grantee: field.Uint(7), Policy: consent.PolicyDigest("policy"), Source: consent.SourceDigest([]byte("document"), field.Uint(8)), W: w, Salt: field.Uint(9),
		Terms: consent.Terms{Purposes: 1 << 38, Restrictions: 1, Categories: 1 << 63, NotBefore: 10, NotAfter: consent.MaxTime, DataFrom: consent.Unstated, DataTo: 11},
	}
	element("commitment of a consent", c.Commitment())
	k := consent.Credential{Holder: holder, Schema: field.Uint(12), Expires: 13, Salt: field.Uint(14)}
	k.Attributes[0] = consent.Attribute{Value: consent.DayValue(20_000), Present: true}
	k.Attributes[10] = consent.Attribute{Value: 1<<64 - 1, Present: true}
	element("commitment of a credential, slots 1 to 9 absent", k.Commitment())
	element("leaf of the consent", consent.Leaf(consent.KindConsent, field.Uint(15), c.Commitment(), lock))
	element("leaf of the credential", consent.Leaf(consent.KindCredential, field.Uint(15), k.Commitment(), lock))

	r := sampleRequest()
	raw("request", r.Encode())
	element("challenge of the request", r.Challenge())
	element("scope of the request, rule once", r.Scope([32]byte{}))
	none := *r
	none.Rule = consent.None
	element("scope of the request, rule none, rk of 32 bytes 0", none.Scope([32]byte{}))
	element("enrolment scope of authority 7 on the request's ledger", consent.EnrolmentScope(r.Genesis, r.Signer))
	trust, err := r.Trust.Tree()
	if err != nil {
		t.Fatal(err)
	}
	element("trust root of the request", trust.Root())
	set, err := r.Sets[0].Set.Tree(consent.Claim.SetDepth())
	if err != nil {
		t.Fatal(err)
	}
	element("root of the request's value set", set.Root())
	s, err := r.Statement(consent.Presented{Epoch: 12, Root: field.Uint(16), Nullifier: field.Uint(17), Watch: field.Uint(18), RkX: field.Uint(19), RkY: field.Uint(20)})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	var flat []byte
	for i := range in {
		b := in[i].Bytes()
		flat = append(flat, b[:]...)
	}
	raw("public inputs of the request's statement", flat)
	m, err := s.SignedDigest(proofOf(128, 0, 21))
	if err != nil {
		t.Fatal(err)
	}
	raw("signed digest with a proof of 0x15 and 127 bytes 0", m[:])
	raw("presentation", samplePresentation().Encode())
	for _, other := range messages() {
		raw("message: "+other.name, other.sample)
	}
	return all
}

func TestVectors(t *testing.T) {
	got, err := json.MarshalIndent(vectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/vectors.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	var pinned []vector
	if err := json.Unmarshal(want, &pinned); err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors(t) {
		if i >= len(pinned) || pinned[i] != v {
			t.Errorf("%s is not what it was: the protocol changed; every record and key made before is void", v.Name)
		}
	}
}
