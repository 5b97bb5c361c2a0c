package postgres

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier/store/postgres/postgrestest"
	"github.com/zkconsent/zkconsent/verifier/store/storetest"
)

// BenchmarkAnswered keeps a request and its answer, by three replicas at once.
func BenchmarkAnswered(b *testing.B) {
	dsn := postgrestest.Database(b)
	replicas := []*Store{open(b, dsn, nil), open(b, dsn, nil), open(b, dsn, nil)}
	var next atomic.Uint64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for pb.Next() {
			n := next.Add(1)
			s, a := replicas[n%3], storetest.Answer(n, consent.Once, n)
			a.Record = make([]byte, 5000)
			if err := s.AddRequest(ctx, storetest.Asked(n)); err != nil {
				b.Error(err)
				return
			}
			if err := s.Accept(ctx, a); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
