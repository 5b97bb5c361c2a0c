package member_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

const id = "00112233445566778899aabbccddeeff00112233"

func TestParsePeer(t *testing.T) {
	for _, address := range []string{"node.example.org:26656", "127.0.0.1:1", "[::1]:65535", "node_1:7400"} {
		p, err := member.ParsePeer(id + "@" + address)
		if err != nil || p.String() != id+"@"+address {
			t.Errorf("%s: %v, %v", address, p, err)
		}
	}
	for _, s := range []string{
		"", "@", id, id + "@", id + "@host", id + "@host:", id + "@host:0", id + "@host:65536", id + "@host:+1", id + "@host:01", id + "@:1",
		id + "@::1:1", id + "@[::1]", id + "@[127.0.0.1]:1", id + "@[fe80::1%eth0]:1", id + "@a,b:1", id + "@a b:1", id + "@a@b:1", id + "@a..b:1", id + "@0.0.0.0:1", id + "@[::]:1",
		strings.ToUpper(id) + "@host:1", id[1:] + "@host:1", id + "@tcp://host:1", id + "@" + strings.Repeat("a.", 200) + "a:1",
	} {
		if p, err := member.ParsePeer(s); !errors.Is(err, member.ErrPeer) {
			t.Errorf("%q: %v, %v", s, p, err)
		}
	}
}

func TestParsePeers(t *testing.T) {
	peers, err := member.ParsePeers("# members\n\n  " + id + "@a:1 \r\n" + strings.Repeat("f", 40) + "@b:2")
	if err != nil || len(peers) != 2 || peers[1].Address != "b:2" {
		t.Errorf("%v, %v", peers, err)
	}
	if _, err := member.ParsePeers(id + "@a:1\n" + id + "@b:2\n"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("one node twice: %v", err)
	}
	var many strings.Builder
	for i := range member.MaxPeers + 1 {
		fmt.Fprintf(&many, "%040x@a:1\n", i)
	}
	if _, err := member.ParsePeers(many.String()); !errors.Is(err, member.ErrPeer) {
		t.Errorf("more than are allowed: %v", err)
	}
}

func FuzzParsePeers(f *testing.F) {
	f.Add("# members\n" + id + "@node.example.org:26656\n")
	f.Add(id + "@[::1]:1\n\n" + strings.Repeat("0", 40) + "@h:2")
	f.Fuzz(func(t *testing.T, text string) {
		peers, err := member.ParsePeers(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, p := range peers {
			// What goes into CometBFT's list must stay one entry of it.
			if strings.ContainsAny(p.String(), ", \t\n") {
				t.Fatalf("%q", p)
			}
			again.WriteString(p.String() + "\n")
		}
		if got, err := member.ParsePeers(again.String()); err != nil || len(got) != len(peers) {
			t.Fatalf("%q: %v, %v", again.String(), got, err)
		}
	})
}
