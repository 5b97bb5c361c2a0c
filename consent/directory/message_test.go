package directory_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
)

// TestGovernedObjectsRoundTrip: what a governance transaction carries reads
// back as itself, whole and with nothing after it.
func TestGovernedObjectsRoundTrip(t *testing.T) {
	d := sample().Directory
	x := directory.Distrust{Authority: d.Authorities[0].ID, From: 3, To: 9, Epoch: 2}
	for name, c := range map[string]struct {
		message []byte
		again   func([]byte) ([]byte, error)
	}{
		"named":      {d.Schemas[1].Encode(), func(b []byte) ([]byte, error) { v, err := directory.DecodeNamed(b); return v.Encode(), err }},
		"manifest":   {d.Manifests[0].Encode(), func(b []byte) ([]byte, error) { v, err := directory.DecodeManifest(b); return v.Encode(), err }},
		"validator":  {d.Validators[0].Encode(), func(b []byte) ([]byte, error) { v, err := directory.DecodeValidator(b); return v.Encode(), err }},
		"scope":      {d.Scopes[0].Encode(), func(b []byte) ([]byte, error) { v, err := directory.DecodeScope(b); return v.Encode(), err }},
		"distrust":   {x.Encode(7), func(b []byte) ([]byte, error) { v, n, err := directory.DecodeDistrust(b); return v.Encode(n), err }},
		"parameters": {d.Parameters.Encode(4), func(b []byte) ([]byte, error) { v, n, err := directory.DecodeParameters(b); return v.Encode(n), err }},
	} {
		if got, err := c.again(c.message); err != nil || !bytes.Equal(got, c.message) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
		for n := range c.message {
			if _, err := c.again(c.message[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes were taken", name, n, len(c.message))
			}
		}
		if _, err := c.again(append(bytes.Clone(c.message), 0)); err == nil {
			t.Errorf("%s: a trailing byte was taken", name)
		}
	}
	if p, revision, err := directory.DecodeParameters(d.Parameters.Encode(4)); err != nil || revision != 4 || !reflect.DeepEqual(p, d.Parameters) {
		t.Errorf("%+v, %d, %v", p, revision, err)
	}
}

func TestRefusesGovernedObjectsThatCannotBe(t *testing.T) {
	d := sample().Directory
	p := d.Parameters
	p.Heartbeat = p.MaxHeadAge + 1
	if _, _, err := directory.DecodeParameters(p.Encode(1)); err == nil {
		t.Error("a heartbeat slower than the head may be was taken")
	}
	x := directory.Distrust{Authority: d.Authorities[0].ID, From: 9, To: 9}
	if _, _, err := directory.DecodeDistrust(x.Encode(0)); err == nil {
		t.Error("an empty range was taken")
	}
	s := d.Scopes[0]
	s.Members = append(s.Members, s.Members[0])
	if _, err := directory.DecodeScope(s.Encode()); err == nil {
		t.Error("a member twice was taken")
	}
	v := d.Validators[0]
	v.Power = directory.MaxPower + 1
	if _, err := directory.DecodeValidator(v.Encode()); err == nil {
		t.Error("more power than a validator may have was taken")
	}
}
