package consent

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/damagetest"
)

func exported(t testing.TB, id CircuitID) (*ExportedProof, []byte) {
	t.Helper()
	in, err := shaped(id).PublicInputs()
	if err != nil {
		t.Fatal(err)
	}
	p := &ExportedProof{Circuit: id, Manifest: [32]byte{1, 2}, Inputs: in, Proof: Proof("\x03\x04" + strings.Repeat("\x00", id.ProofSize()-2))}
	b, err := p.EncodeJSON()
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestExportedProofRoundTrip(t *testing.T) {
	for _, id := range Circuits() {
		p, b := exported(t, id)
		q, err := DecodeExportedProof(b)
		if err != nil {
			t.Fatal(err)
		}
		if q.Circuit != id || q.Manifest != p.Manifest || q.Proof != p.Proof || !slices.Equal(q.Inputs, p.Inputs) {
			t.Errorf("%s: another proof came back", id)
		}
		for n := range len(b) {
			if _, err := DecodeExportedProof(b[:n]); err == nil {
				t.Errorf("%s: the first %d bytes were read", id, n)
			}
		}
	}
}

func TestRefusesMalformedExportedProofs(t *testing.T) {
	_, good := exported(t, Claim)
	text := string(good)
	swap := func(old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(text, old, with, 1)
	}
	value := func(name string) string {
		_, after, _ := strings.Cut(text, `"name": "`+name+`",`)
		_, after, _ = strings.Cut(after, `"value": "`)
		return after[:64]
	}
	nullifier, ok := new(big.Int).SetString(value("nullifier"), 16)
	if !ok {
		t.Fatal("the nullifier is no number")
	}
	var tally damagetest.Tally
	for _, c := range []struct{ name, file, want string }{
		{"nothing", "", "json"},
		{"no object", "[]", "json"},
		{"an unknown field", swap(`"version": 1,`, `"version": 1, "accepted": true,`), "unknown field"},
		{"a field twice", swap(`"version": 1,`, "\"version\": 1,\n  \"version\": 1,"), "canonical"},
		{"other case of a field", swap(`"version"`, `"Version"`), "canonical"},
		{"version 2", swap(`"version": 1`, `"version": 2`), "version"},
		{"no version", swap(`"version": 1,`, ``), "version"},
		{"unknown circuit", swap("claim/normal", "claim/narrow"), "circuit"},
		{"another circuit's inputs", swap("claim/normal", "consent/normal"), "publicInputs: 40"},
		{"wide circuit", swap("claim/normal", "claim/wide"), "publicInputs: 40"},
		{"manifest short", swap(`"manifest": "01`, `"manifest": "`), "manifest"},
		{"proof longer", swap(`"proof": "03`, `"proof": "0303`), "proof"},
		{"proof with a space", swap(`"proof": "03`, `"proof": " 3`), "proof"},
		{"capital digits", swap(`"name": "root",`+"\n      \"value\": \"0", `"name": "root",`+"\n      \"value\": \"A"), "root"},
		{"nullifier + r", swap(value("nullifier"), fmt.Sprintf("%064x", nullifier.Add(nullifier, fr.Modulus()))), "nullifier: not a canonical"},
		{"now = r", swap(value("now"), fmt.Sprintf("%064x", fr.Modulus())), "now: not a canonical"},
		{"a value as number", swap(`"`+value("now")+`"`, "1"), "json"},
		{"another name", swap(`"now"`, `"then"`), `"then" stands where "now" belongs`},
		{"names swapped", strings.Replace(swap(`"now"`, `"x"`), `"until"`, `"now"`, 1), `"x" stands`},
		{"an input less", swap(`"publicInputs": [`, `"publicInputs": [], "x": [`), "unknown field"},
		{"an input more", swap("  ],", `,{"name":"x","value":""} ],`), "publicInputs: 41"},
		{"trailing line", text + "\n", "canonical"},
		{"trailing object", text + "{}", "canonical"},
		{"no line at the end", strings.TrimSuffix(text, "\n"), "canonical"},
		{"other spacing", swap(`"version": 1`, `"version":1`), "canonical"},
		{"escaped letters", swap(`"now"`, `"\u006eow"`), "canonical"},
		{"too long", text + strings.Repeat(" ", MaxExportedProof), "length"},
		{"deep", strings.Repeat("[", MaxExportedProof), "json"},
	} {
		reason := tally.Try(t, c.name, func() string {
			p, err := DecodeExportedProof([]byte(c.file))
			var typed *ExportedProofError
			if err == nil || p != nil || !errors.As(err, &typed) {
				return ""
			}
			return err.Error()
		})
		if !strings.Contains(reason, c.want) {
			t.Errorf("%s: refused as %q, want %q", c.name, reason, c.want)
		}
	}
	if tally.Dearest > damagetest.MiB {
		t.Errorf("a malformed file made the decoder allocate %d bytes", tally.Dearest)
	}
	for _, bad := range []*ExportedProof{{Circuit: "claim/narrow/groth16"}, {Circuit: Claim, Inputs: make([]fr.Element, 39)}} {
		if _, err := bad.EncodeJSON(); err == nil {
			t.Errorf("%s with %d inputs was written", bad.Circuit, len(bad.Inputs))
		}
	}
}

func FuzzDecodeExportedProof(f *testing.F) {
	for _, id := range Circuits() {
		_, b := exported(f, id)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeExportedProof(b)
		if err != nil {
			var typed *ExportedProofError
			if !errors.As(err, &typed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := p.EncodeJSON()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q encodes to %q, %v", b, again, err)
		}
	})
}
