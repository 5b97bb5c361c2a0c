package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func entry(circuit string, fill byte) Entry {
	e := Entry{Circuit: circuit, Constraints: 16043, Public: 40, Development: true}
	for i := range e.System {
		e.System[i], e.ProvingKey[i], e.VerifyingKey[i] = fill, fill+1, fill+2
	}
	return e
}

func sample() *Manifest {
	m := &Manifest{}
	m.Put(entry("enrol/normal/groth16", 1))
	m.Put(entry("claim/normal/groth16", 2))
	m.Put(entry("consent/normal/groth16", 3))
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
		"other version":   {strings.Replace(good, `"version": 1`, `"version": 2`, 1), "version 2"},
		"spacing":         {strings.Replace(good, "  ", " ", 1), "canonical"},
		"trailing":        {good + " ", "canonical"},
		"repeated field":  {strings.Replace(good, `"version": 1,`, `"version": 1, "version": 1,`, 1), "canonical"},
		"short digest":    {strings.Replace(good, "02020202", "020202", 1), "64 hexadecimal"},
		"repeated entry":  {strings.Replace(good, "consent/normal", "claim/normal", 1), "not after"},
		"empty id":        {strings.Replace(good, "claim/normal/groth16", "", 1), "out of bounds"},
		"negative number": {strings.Replace(good, `"public": 40`, `"public": -1`, 1), ""},
		"huge number":     {strings.Replace(good, `"public": 40`, `"public": 40000`, 1), "out of bounds"},
		"empty":           {"", "EOF"},
		"too long":        {strings.Repeat(" ", MaxFile+1), "at most"},
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
	f.Add([]byte(`{"version":1,"entries":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeJSON(b)
		if err == nil && !bytes.Equal(m.EncodeJSON(), b) {
			t.Fatalf("%q decodes and encodes differently", b)
		}
	})
}
