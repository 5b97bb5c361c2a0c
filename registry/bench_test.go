package registry_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry"
	"github.com/zkconsent/zkconsent/registry/snapshot"
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

// BenchmarkRestore takes a snapshot of a ledger, restores it and checks what it
// restored. The state is made by execution, in blocks of 4,096 records that all
// close an epoch, on the disk.
func BenchmarkRestore(b *testing.B) {
	for _, leaves := range []uint64{100_000, 1_000_000} {
		b.Run(strconv.FormatUint(leaves, 10), func(b *testing.B) {
			if testing.Short() && leaves > 100_000 {
				b.Skip("making the state takes minutes")
			}
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
			for n := uint64(0); n < leaves; n += 4096 {
				c.one(c.commit(hospital, span(n, min(4096, leaves-n))...))
			}
			folder := snapshot.Folder(b.TempDir())
			began := time.Now()
			m := c.snapshot(folder, nil)
			b.ReportMetric(time.Since(began).Seconds(), "export-s")
			bytes := 0
			for n := range m.Chunks {
				chunk, err := folder.Chunk(m, n)
				if err != nil {
					b.Fatal(err)
				}
				bytes += len(chunk)
			}
			b.ReportMetric(float64(bytes)/float64(leaves), "snapshot-B/leaf")
			began = time.Now()
			c.snapshot(folder, m)
			b.ReportMetric(time.Since(began).Seconds(), "again-s")
			for b.Loop() {
				dir := b.TempDir()
				s, err := registry.Open(dir, &registry.Options{})
				if err != nil {
					b.Fatal(err)
				}
				r, err := s.Restore(g.Encode(), m)
				if err != nil {
					b.Fatal(err)
				}
				for n := range m.Chunks {
					chunk, err := folder.Chunk(m, n)
					if err == nil {
						err = r.Apply(context.Background(), n, chunk)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				if err := r.Finish(context.Background()); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if _, err := s.Check(context.Background(), nil); err != nil {
					b.Fatal(err)
				}
				s.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(leaves)*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}
