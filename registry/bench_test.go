package registry_test

import (
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
)

// BenchmarkFullBatch executes and commits a block with one commit of 4,096
// records, and closes an epoch with it.
func BenchmarkFullBatch(b *testing.B) {
	s, err := registry.Open(b.TempDir(), &registry.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	g := testGenesis(func(g *directory.Genesis) {
		g.Directory.Parameters.EveryBlock, g.Directory.Parameters.Quota = true, 1<<20
	})
	c := &chain{t: b, s: s, genesis: directory.GenesisHash(g), time: start}
	if _, err := s.InitGenesis(g.Encode()); err != nil {
		b.Fatal(err)
	}
	for n := uint64(0); b.Loop(); n++ {
		b.StopTimer()
		x := c.commit(hospital, span(n*4096, 4096)...)
		b.StartTimer()
		if r := c.one(x); r.Code != 0 || r.Items[4095] != 0 {
			b.Fatalf("%+v", r.Code)
		}
	}
}
