package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// full has as many authorities as are allowed, with long names, and n scopes of
// as many members as are allowed: every list within its own bound.
func full(n int) *directory.Directory {
	d := sample().Directory
	d.Scopes = nil
	for i := len(d.Authorities); i < directory.MaxAuthorities; i++ {
		key := make([]byte, 32)
		copy(key, fmt.Sprintf("authority %d", i))
		d.Authorities = append(d.Authorities, directory.Authority{
			ID: field.Uint(uint64(i)), Key: key, Roles: directory.Verifier, Active: true,
			URI: fmt.Sprintf("https://%0200d", i), Name: strings.Repeat("n", directory.MaxName),
		})
	}
	slices.SortFunc(d.Authorities, func(a, b directory.Authority) int { return a.ID.Cmp(&b.ID) })
	var members []fr.Element
	for _, a := range d.Authorities[:directory.MaxScopeSize] {
		members = append(members, a.ID)
	}
	for i := range n {
		d.Scopes = append(d.Scopes, directory.Scope{Name: fmt.Sprintf("scope %03d", i), Members: members})
	}
	return &d
}

// TestAttack_DirectoryThatNobodyCanRead fills the lists, each within its bound,
// until the message is longer than any decoder takes. Every directory that is
// valid can be read.
func TestAttack_DirectoryThatNobodyCanRead(t *testing.T) {
	valid, refused := 0, 0
	for n := 200; n <= directory.MaxScopes; n += 8 {
		d := full(n)
		raw := d.Encode()
		_, decode := directory.DecodeDirectory(raw)
		switch err := d.Validate(); {
		case err == nil && decode != nil:
			t.Fatalf("%d scopes, %d bytes: valid, and nobody can read it: %v", n, len(raw), decode)
		case err == nil:
			valid++
		case len(raw) > directory.MaxEncoded && strings.Contains(err.Error(), "at most"):
			refused++
		default:
			t.Fatalf("%d scopes, %d bytes: %v", n, len(raw), err)
		}
	}
	if refused == 0 {
		t.Error("no directory was too long")
	}
	if err := full(0).Validate(); err != nil {
		t.Errorf("authorities alone: %v", err)
	}
	t.Logf("%d valid, %d refused", valid, refused)
}
