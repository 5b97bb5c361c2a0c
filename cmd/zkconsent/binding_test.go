package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/assurance"
	"github.com/zkconsent/zkconsent/prover/provertest"
)

// storyOfClaim plays the demonstration up to the insurer's claim and returns
// its folder, with the record of the accepted claim in the post.
func storyOfClaim(t *testing.T, keys string, scheme consent.Scheme) *demo {
	t.Helper()
	var complaint bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, results: io.Discard, stderr: &complaint, now: time.Now, json: true, keys: keys}
	d := &demo{app: a, ctx: context.Background(), dir: t.TempDir(), scheme: scheme, ids: map[string]string{}}
	t.Cleanup(func() {
		if d.stopNode != nil {
			if err := d.stopNode(); err != nil {
				t.Error(err)
			}
		}
	})
	for _, play := range []func() error{d.found, d.admit, d.issue, d.grant, d.claim} {
		if err := play(); err != nil {
			t.Fatalf("%v: %+v %s", err, d.done[len(d.done)-1], complaint.String())
		}
	}
	return d
}

// A proofField is one part of an exported proof that somebody could change.
type proofField struct {
	name   string
	change func(p *consent.ExportedProof)
}

// For the proof of a real claim, each field of its file and each pair of
// fields changed, through the command: none is valid.
func TestAssurance_BindingByCommandLine(t *testing.T) {
	const seed = 43
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	keys, _ := provertest.Keys(t, consent.Circuits()...)
	schemes := consent.Schemes()[:assurance.Cases(1, len(consent.Schemes()))]
	tried, accepted := 0, 0
	for _, scheme := range schemes {
		n, m := changedInFile(t, keys, scheme, rng)
		tried, accepted = tried+n, accepted+m
	}
	assurance.Record(t, "binding/command line", tried, fmt.Sprintf("fields of the file of a claim's proof and pairs of them, under %v", schemes))
	assurance.Record(t, "binding/accepted by command line", accepted, "")
}

// changedInFile plays a claim under a scheme, and offers its exported proof
// with one or two changed fields.
func changedInFile(t *testing.T, keys string, scheme consent.Scheme, rng *rand.Rand) (tried, accepted int) {
	t.Helper()
	d := storyOfClaim(t, keys, scheme)
	file := d.post("proof.json")
	check := func(path string) (status int, valid bool) {
		var out, complaint bytes.Buffer
		status = run(context.Background(), []string{"--json", "--keys", keys, "proof", "check", path}, strings.NewReader(""), &out, &complaint)
		var v checkedProof
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			t.Fatalf("exit status %d, %v: %s %s", status, err, &out, &complaint)
		}
		if len(v.Unchecked) == 0 {
			t.Fatalf("the answer does not say what was not checked: %s", &out)
		}
		return status, v.Valid
	}
	if _, err := d.run("auditor", "exports", exitDone, nil, "proof", "export", d.post("record.zkc"), "--out", file); err != nil {
		t.Fatal(err)
	}
	if status, valid := check(file); status != exitDone || !valid {
		t.Fatalf("the true proof: exit status %d", status)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	good, err := consent.DecodeExportedProof(text)
	if err != nil {
		t.Fatal(err)
	}

	fields := proofFields(good, rng)
	inputs := len(good.Inputs)
	damaged := filepath.Join(t.TempDir(), "proof.json")
	try := func(i, j int) {
		what := fields[i].name
		p := *good
		p.Inputs = slices.Clone(good.Inputs)
		fields[i].change(&p)
		if i != j {
			fields[j].change(&p)
			what += " and " + fields[j].name
		}
		b, err := p.EncodeJSON()
		if err != nil || bytes.Equal(b, text) {
			t.Fatalf("%s: not changed, %v", what, err)
		}
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
		tried++
		status, valid := check(damaged)
		if status == exitDone || valid {
			accepted++
			t.Errorf("%s changed: valid", what)
		} else if want := exitDenied; i < inputs && j < inputs && status != want {
			t.Errorf("%s changed: exit status %d, want %d", what, status, want)
		}
	}
	for i := range fields {
		for j := range i + 1 {
			if assurance.Full() || (i*i+j)%11 == 0 {
				try(i, j)
			}
		}
	}
	return tried, accepted
}

// proofFields changes each public input in a way of its own: one more, one
// less, negated, another random value, or 0.
func proofFields(good *consent.ExportedProof, rng *rand.Rand) (fields []proofField) {
	one := fr.One()
	for i, name := range good.Circuit.PublicInputNames() {
		fields = append(fields, proofField{name, func(p *consent.ExportedProof) {
			v := p.Inputs[i]
			switch rng.UintN(5) {
			case 0:
				v.Sub(&v, &one)
			case 1:
				v.Neg(&v)
			case 2:
				v.SetUint64(rng.Uint64())
			case 3:
				v.SetZero()
			}
			if v.Equal(&p.Inputs[i]) {
				v.Add(&v, &one)
			}
			p.Inputs[i] = v
		}})
	}
	return append(fields,
		proofField{"manifest", func(p *consent.ExportedProof) { p.Manifest[rng.UintN(32)] ^= 1 << rng.UintN(8) }},
		proofField{"proof", func(p *consent.ExportedProof) {
			b := []byte(p.Proof)
			b[rng.IntN(len(b))] ^= 1 << rng.UintN(8)
			p.Proof = consent.Proof(b)
		}},
	)
}
