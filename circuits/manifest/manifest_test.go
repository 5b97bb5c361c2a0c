package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func entry(circuit string, fill byte) Entry {
	e := Entry{Circuit: circuit, Constraints: 16043, Public: 40, Development: true, Internal: 15000, Excepted: 3}
	for i := range e.System {
		e.System[i], e.ProvingKey[i], e.VerifyingKey[i] = fill, fill+1, fill+2
	}
	return e
}

// produced is an entry of keys from a ceremony.
func produced(circuit string, fill byte) Entry {
	e := entry(circuit, fill)
	e.Development = false
	for i := range e.Transcript {
		e.Transcript[i] = fill + 3
	}
	return e
}

func sample() *Manifest {
	m := &Manifest{}
	m.Put(entry("enrol/normal/groth16", 1))
	m.Put(entry("claim/normal/groth16", 2))
	m.Put(produced("consent/normal/groth16", 3))
	return m
}

func TestRoundTrips(t *testing.T) {
	m := sample()
	back, err := DecodeJSON(m.EncodeJSON())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, back) {
		t.Fatalf("got %+v, want %+v", back, m)
	}
	for i := range m.Entries {
		e, err := Decode(m.Entries[i].Encode())
		if err != nil {
			t.Fatal(err)
		}
		if *e != m.Entries[i] {
			t.Fatalf("got %+v, want %+v", e, m.Entries[i])
		}
	}
}

func TestPutKeepsOrderAndReplaces(t *testing.T) {
	m := sample()
	m.Put(entry("claim/normal/groth16", 9))
	var ids []string
	for _, e := range m.Entries {
		ids = append(ids, e.Circuit)
	}
	if want := "claim/normal/groth16 consent/normal/groth16 enrol/normal/groth16"; strings.Join(ids, " ") != want {
		t.Fatalf("order %v", ids)
	}
	e, err := m.Find("claim/normal/groth16")
	if err != nil || e.System[0] != 9 {
		t.Fatalf("found %+v, %v", e, err)
	}
	var missing *Error
	if _, err := m.Find("claim/wide/groth16"); !errors.As(err, &missing) {
		t.Fatalf("an unknown circuit gave %v", err)
	}
}

func TestDigestCoversEveryField(t *testing.T) {
	base := entry("claim/normal/groth16", 5)
	for name, change := range map[string]func(*Entry){
		"circuit":       func(e *Entry) { e.Circuit = "claim/wide/groth16" },
		"constraints":   func(e *Entry) { e.Constraints++ },
		"public":        func(e *Entry) { e.Public++ },
		"system":        func(e *Entry) { e.System[31] ^= 1 },
		"proving key":   func(e *Entry) { e.ProvingKey[0] ^= 1 },
		"verifying key": func(e *Entry) { e.VerifyingKey[7] ^= 1 },
		"development":   func(e *Entry) { e.Development = false },
		"transcript":    func(e *Entry) { e.Transcript[3] ^= 1 },
		"internal":      func(e *Entry) { e.Internal++ },
		"excepted":      func(e *Entry) { e.Excepted++ },
	} {
		e := base
		change(&e)
		if e.Digest() == base.Digest() {
			t.Errorf("%s is not covered", name)
		}
	}
}

func TestRefusesOtherFiles(t *testing.T) {
	good := string(sample().EncodeJSON())
	for name, c := range map[string]struct{ text, want string }{
		"unknown field":   {strings.Replace(good, `"version"`, `"extra": 1, "version"`, 1), "extra"},
		"other version":   {strings.Replace(good, `"version": 2`, `"version": 1`, 1), "version 1"},
		"spacing":         {strings.Replace(good, "  ", " ", 1), "canonical"},
		"trailing":        {good + " ", "canonical"},
		"repeated field":  {strings.Replace(good, `"version": 2,`, `"version": 2, "version": 2,`, 1), "canonical"},
		"short digest":    {strings.Replace(good, "02020202", "020202", 1), "64 hexadecimal"},
		"repeated entry":  {strings.Replace(good, "consent/normal", "claim/normal", 1), "not after"},
		"empty id":        {strings.Replace(good, "claim/normal/groth16", "", 1), "field circuit"},
		"negative number": {strings.Replace(good, `"public": 40`, `"public": -1`, 1), ""},
		"huge number":     {strings.Replace(good, `"public": 40`, `"public": 40000`, 1), "field public"},
		"no transcript":   {strings.Replace(good, strings.Repeat("06", 32), strings.Repeat("00", 32), 1), "field transcript"},
		"made by one, with a transcript": {
			strings.Replace(good, `"development": false`, `"development": true`, 1), "field transcript",
		},
		"more wires excepted than there are": {strings.Replace(good, `"excepted": 3`, `"excepted": 15001`, 1), "field excepted"},
		"empty":                              {"", "EOF"},
		"too long":                           {strings.Repeat(" ", MaxFile+1), "at most"},
	} {
		_, err := DecodeJSON([]byte(c.text))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := &Manifest{}
	m.Put(entry("enrol/normal/groth16", 0xab))
	if _, err := DecodeJSON(bytes.Replace(m.EncodeJSON(), []byte("abab"), []byte("ABab"), 1)); err == nil {
		t.Error("upper-case digits pass")
	}
}

func TestRefusesEntries(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Entry)
		want  string
	}{
		"no circuit":              {func(e *Entry) { e.Circuit = "" }, "circuit"},
		"a long circuit":          {func(e *Entry) { e.Circuit = strings.Repeat("c", 65) }, "circuit"},
		"too many constraints":    {func(e *Entry) { e.Constraints = 1 << 31 }, "constraints"},
		"too many inputs":         {func(e *Entry) { e.Public = 1 << 15 }, "public"},
		"no transcript":           {func(e *Entry) { e.Transcript = Digest{} }, "transcript"},
		"development, transcript": {func(e *Entry) { e.Development = true }, "transcript"},
		"too many wires":          {func(e *Entry) { e.Internal = 1 << 31 }, "internal"},
		"all wires excepted":      {func(e *Entry) { e.Excepted = e.Internal + 1 }, "excepted"},
	} {
		e := produced("claim/normal/groth16", 2)
		c.spoil(&e)
		if _, err := Decode(e.Encode()); err == nil || !strings.Contains(err.Error(), "field "+c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := produced("claim/normal/groth16", 2)
	good := e.Encode()
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(good))
		}
	}
	if _, err := Decode(append(good, 0)); err == nil {
		t.Error("a trailing byte is taken")
	}
}

// TestRefusesDevelopmentKeysInProduction: with them the insurer's own clerk
// could prove a consent that no patient gave.
func TestRefusesDevelopmentKeysInProduction(t *testing.T) {
	made, sealed := entry("claim/normal/groth16", 2), produced("claim/normal/groth16", 2)
	var refused *DevelopmentError
	if err := made.Production(); !errors.As(err, &refused) || refused.Circuit != made.Circuit {
		t.Errorf("development keys: %v", err)
	}
	if err := sealed.Production(); err != nil {
		t.Error(err)
	}
	sealed.Transcript = Digest{}
	if err := sealed.Production(); !errors.As(err, &refused) {
		t.Errorf("keys without a transcript: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	e := entry("claim/normal/groth16", 2)
	f.Add(e.Encode())
	f.Add([]byte{})
	f.Add(append(e.Encode(), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err == nil && !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x decodes and encodes differently", b)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add(sample().EncodeJSON())
	f.Add((&Manifest{}).EncodeJSON())
	f.Add([]byte(`{"version":2,"entries":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeJSON(b)
		if err == nil && !bytes.Equal(m.EncodeJSON(), b) {
			t.Fatalf("%q decodes and encodes differently", b)
		}
	})
}
