package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/registry/ledger"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

// TestCardHoldsNoSecret: what a member sends away proves its keys and lets
// nobody use them.
func TestCardHoldsNoSecret(t *testing.T) {
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	steward := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	c := &member.Card{Name: "Example Hospital", Address: "127.0.0.1:26656", URI: "https://hospital.example.org"}
	if err := home.Card(c, steward); err != nil {
		t.Fatal(err)
	}
	b := c.Encode()
	got, err := member.Decode(b)
	if err != nil || !got.Validator.Equal(validator) || !got.Authority.Equal(steward.Public()) {
		t.Fatalf("%+v, %v", got, err)
	}
	if id, err := home.NodeID(); err != nil || got.Node != id {
		t.Errorf("node %s, %v", id, err)
	}
	if bytes.Contains(b, steward.Seed()) {
		t.Error("the steward's seed is in the card")
	}
	for _, name := range []string{"priv_validator_key.json", "node_key.json"} {
		text, err := os.ReadFile(filepath.Join(string(home), "config", name))
		if err != nil {
			t.Fatal(err)
		}
		found := secrets(text)
		if len(found) == 0 {
			t.Fatalf("%s: no key found in it", name)
		}
		for _, secret := range found {
			if bytes.Contains(b, secret) {
				t.Errorf("%s: its key is in the card", name)
			}
		}
	}
	again, err := home.Create()
	if err != nil || !again.Equal(validator) {
		t.Errorf("a second call made another key: %v", err)
	}
	if err := home.Card(&member.Card{Name: "X", Address: "0.0.0.0:1"}, nil); err == nil {
		t.Error("a card with an address that nobody can reach was signed")
	}
}

func TestPeersFile(t *testing.T) {
	home := ledger.Home(t.TempDir())
	if p, err := home.Peers(); err != nil || len(p) != 0 {
		t.Errorf("none: %v, %v", p, err)
	}
	want := []member.Peer{{ID: member.NodeID{1}, Address: "a.example.org:1"}, {ID: member.NodeID{2}, Address: "[::1]:2"}}
	if err := home.WritePeers(want, []string{"Hospital A"}); err != nil {
		t.Fatal(err)
	}
	got, err := home.Peers()
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, %v", got, err)
	}
	if err := home.WritePeers([]member.Peer{want[0], want[0]}, nil); err == nil {
		t.Error("one node twice was written")
	}
	if err := os.WriteFile(home.PeersFile(), []byte("node.example.org:26656\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := home.Peers(); !errors.Is(err, member.ErrPeer) {
		t.Errorf("an address without an id: %v", err)
	}
}

func TestDestroyValidator(t *testing.T) {
	home := ledger.Home(t.TempDir())
	validator, err := home.Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := home.WriteGenesis(newGenesis([]ed25519.PublicKey{validator}, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := home.Idle(); err != nil {
		t.Errorf("nothing runs: %v", err)
	}
	if err := home.DestroyValidator(); err != nil {
		t.Fatal(err)
	}
	if _, err := home.ValidatorKey(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	if _, err := ledger.Start(context.Background(), home, nil); err == nil {
		t.Error("a node started without a key")
	}
}

// secrets are the seeds of the private keys in one of CometBFT's key files.
func secrets(text []byte) (out [][]byte) {
	for _, part := range bytes.Split(text, []byte(`"`)) {
		if b, err := base64.StdEncoding.DecodeString(string(part)); err == nil && len(b) == ed25519.PrivateKeySize {
			out = append(out, b[:ed25519.SeedSize])
		}
	}
	return out
}
