package directory_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
)

// TestAttack_KeyThatEverybodySignsWith first forges: the signature of nobody,
// R the neutral element and S = 0, is good under a key of small order for one
// message in eight or more. Then it wants such a key refused.
func TestAttack_KeyThatEverybodySignsWith(t *testing.T) {
	nobody := make([]byte, ed25519.SignatureSize)
	nobody[0] = 1
	forged := func(key ed25519.PublicKey) bool {
		for i := range uint64(200) {
			if ed25519.Verify(key, binary.BigEndian.AppendUint64(nil, i), nobody) {
				return true
			}
		}
		return false
	}
	for _, x := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		key, err := hex.DecodeString(x)
		if err != nil {
			t.Fatal(err)
		}
		if !forged(key) {
			t.Errorf("%s: the forgery fails, so this says nothing", x)
		}
		a := sample().Directory.Authorities[0]
		a.ID, a.Key = directory.AuthorityID(key), key
		var e *directory.InvalidError
		if err := a.Validate(); !errors.As(err, &e) || e.Where != "key" {
			t.Errorf("%s: %v, want an InvalidError at key", x, err)
		}
		if _, err := directory.DecodeAuthority(a.Encode()); err == nil {
			t.Errorf("%s: DecodeAuthority took it", x)
		}
	}
	if forged(pub(1)) {
		t.Error("an honest key is forged under")
	}
}
