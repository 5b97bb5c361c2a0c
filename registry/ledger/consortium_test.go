package ledger_test

import (
	"context"
	"crypto/ed25519"
	"net"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

// TestConsortium runs four validators. What one of them takes, a client of
// another one verifies, also when the fourth has stopped.
func TestConsortium(t *testing.T) {
	var homes []ledger.Home
	var keys []ed25519.PublicKey
	for range 4 {
		home := ledger.Home(t.TempDir())
		k, err := home.Create()
		if err != nil {
			t.Fatal(err)
		}
		homes, keys = append(homes, home), append(keys, k)
	}
	g := newGenesis(keys, time.Now(), func(g *directory.Genesis) { g.Directory.Parameters.Heartbeat = 1 })
	var nodes []*ledger.Node
	var peers []string
	for _, home := range homes {
		if err := home.WriteGenesis(g); err != nil {
			t.Fatal(err)
		}
		n, err := ledger.Start(context.Background(), home, &ledger.Options{Listen: "tcp://" + freePort(t), Peers: peers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Stop() })
		nodes, peers = append(nodes, n), append(peers, n.Address())
	}
	ctx := short(t)
	writer, reader := client(t, g, nodes[1], ""), client(t, g, nodes[2], "")
	if err := writer.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) {
		r, err := writer.Submit(ctx, commit(g, 0, i, sealed(i, 1)))
		if err != nil || r.Refused() != nil || r.Items[0] != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	see := func(want int) {
		t.Helper()
		for {
			if err := reader.Sync(ctx); err != nil {
				t.Fatal(err)
			}
			if len(reader.Records(0)) == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	see(3)
	// One of four may fail.
	nodes[3].Stop()
	if r, err := writer.Submit(ctx, commit(g, 0, 9, sealed(9, 1))); err != nil || r.Refused() != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	see(4)
}

// freePort asks the system for a port that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
