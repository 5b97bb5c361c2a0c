package directory_test

import (
	"bytes"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
)

func FuzzDecodeGenesis(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, err := directory.DecodeGenesis(b); err == nil && !bytes.Equal(g.Encode(), b) {
			t.Fatal("two encodings of one genesis")
		}
	})
}

func FuzzDecodeDirectory(f *testing.F) {
	d := sample().Directory
	f.Add(d.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := directory.DecodeDirectory(b); err == nil && !bytes.Equal(d.Encode(), b) {
			t.Fatal("two encodings of one directory")
		}
	})
}

func FuzzDecodeAuthority(f *testing.F) {
	a := sample().Directory.Authorities[0]
	f.Add(a.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := directory.DecodeAuthority(b); err == nil && !bytes.Equal(a.Encode(), b) {
			t.Fatal("two encodings of one authority")
		}
	})
}

func FuzzDecodeHead(f *testing.F) {
	f.Add(sampleHead().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := directory.DecodeHead(b); err == nil && !bytes.Equal(h.Encode(), b) {
			t.Fatal("two encodings of one checkpoint")
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	s := sampleHead().State
	f.Add(s.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := directory.DecodeState(b); err == nil && !bytes.Equal(s.Encode(), b) {
			t.Fatal("two encodings of one state")
		}
	})
}

func FuzzDecodeEpoch(f *testing.F) {
	f.Add((&directory.Epoch{Number: 3, ClosedAt: 9}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := directory.DecodeEpoch(b); err == nil && !bytes.Equal(e.Encode(), b) {
			t.Fatal("two encodings of one epoch")
		}
	})
}

func FuzzDecodeNamed(f *testing.F) {
	d := sample().Directory
	f.Add(d.Schemas[0].Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := directory.DecodeNamed(b); err == nil && !bytes.Equal(v.Encode(), b) {
			t.Fatal("two encodings of one object")
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	d := sample().Directory
	f.Add(d.Manifests[0].Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := directory.DecodeManifest(b); err == nil && !bytes.Equal(v.Encode(), b) {
			t.Fatal("two encodings of one object")
		}
	})
}

func FuzzDecodeValidator(f *testing.F) {
	d := sample().Directory
	f.Add(d.Validators[0].Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := directory.DecodeValidator(b); err == nil && !bytes.Equal(v.Encode(), b) {
			t.Fatal("two encodings of one object")
		}
	})
}

func FuzzDecodeScope(f *testing.F) {
	d := sample().Directory
	f.Add(d.Scopes[0].Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := directory.DecodeScope(b); err == nil && !bytes.Equal(v.Encode(), b) {
			t.Fatal("two encodings of one object")
		}
	})
}

func FuzzDecodeDistrust(f *testing.F) {
	f.Add((&directory.Distrust{Authority: sample().Directory.Authorities[0].ID, To: 5}).Encode(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, n, err := directory.DecodeDistrust(b); err == nil && !bytes.Equal(v.Encode(n), b) {
			t.Fatal("two encodings of one object")
		}
	})
}

func FuzzDecodeParameters(f *testing.F) {
	f.Add((&directory.Parameters{Epoch: 60, MaxHeadAge: 60, Heartbeat: 6, Quota: 9, PowBits: 8, TrustPeriod: 60}).Encode(2))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, n, err := directory.DecodeParameters(b); err == nil && !bytes.Equal(v.Encode(n), b) {
			t.Fatal("two encodings of one object")
		}
	})
}
