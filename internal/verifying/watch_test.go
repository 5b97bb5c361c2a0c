package verifying_test

import (
	"context"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
)

// keep keeps answers without proofs, the nth with the nth withdrawal secret,
// as another replica of the store would.
func (d *desk) keep(from, to uint64) {
	d.w.t.Helper()
	until := consent.Time(time.Now().Unix()) + 86400
	for n := from; n < to; n++ {
		id, scope := unhex(d.w.t, numbered(n)), field.Of("test-scope", []byte{byte(n % 5)})
		d.w.must(d.store.AddRequest(d.w.ctx, verifier.Asked{ID: id, Expires: until, Signed: []byte("request")}))
		d.w.must(d.store.Accept(d.w.ctx, verifier.Answer{
			Request: id, Rule: consent.Pseudonym, Scope: scope, Nullifier: field.Uint(n), Until: until, Record: []byte("record"),
			Watch: consent.Watch(consent.WithdrawalKey(secret(n)), scope),
		}))
	}
}

// secret is the nth withdrawal secret.
func secret(n uint64) fr.Element { return field.Of("test-v", []byte{byte(n >> 8), byte(n)}) }

// publish withdraws on the ledger.
func (w *world) publish(from, to uint64) {
	w.t.Helper()
	var vs []fr.Element
	for n := from; n < to; n++ {
		vs = append(vs, secret(n))
	}
	w.submit(transaction.Withdraw, transaction.WithdrawalPayload(vs))
}

// A listener hears a stream from a position on.
type listener struct {
	heard    map[string]int
	position uint64
}

// hear reads the stream until it has heard so many answers, and the messages
// after that which are wanted.
func (l *listener) hear(d *desk, answers int, beats int) {
	d.w.t.Helper()
	ctx, cancel := context.WithTimeout(as(d.w.ctx, "cert:listener"), patience)
	defer cancel()
	stream, err := d.api.WatchWithdrawals(ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{From: l.position})
	d.w.must(err)
	for len(l.heard) < answers || beats > 0 {
		m, err := stream.Recv()
		if err != nil {
			d.w.t.Fatalf("%d of %d answers were heard: %v", len(l.heard), answers, err)
		}
		if len(l.heard) >= answers {
			beats--
		}
		if m.Position < l.position {
			d.w.t.Fatalf("from %d back to %d", l.position, m.Position)
		}
		l.position = m.Position
		for _, a := range m.Withdrawn {
			l.heard[a.Request]++
		}
	}
}

// TestStreamGoesOnWhereItWas: withdrawals before, while and after a stream
// runs, over restarts of the service and of the ledger's node: who goes on from
// the position hears of all of them.
func TestStreamGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	d.keep(0, 600) // more than a message, and than a page
	l := &listener{heard: map[string]int{}}
	l.hear(d, 0, 1)
	w.publish(0, 300)
	l.hear(d, 300, 2)
	next := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	w.publish(300, 310)
	next.run(w.insurer, d.store) // the service starts anew
	l.hear(next, 310, 1)
	w.halt()
	w.start()
	w.publish(310, 600)
	l.hear(next, 600, 1)
	if l.position != 0 {
		t.Errorf("goes on from %d while decisions may be under way", l.position)
	}
	stream, err := next.api.WatchWithdrawals(w.ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{From: 601})
	w.must(err)
	_, err = stream.Recv()
	refused(t, err, codes.OutOfRange, refusal.OutOfRange)
}

// TestAttack_StreamsWithoutEnd: one principal cannot take all places, all
// together take no more than there are, and a place is free when its stream
// ends.
func TestAttack_StreamsWithoutEnd(t *testing.T) {
	w := newWorld(t)
	d := w.open(func(c *verifying.Config) { c.Streams = 8 })
	open := func(who string) (context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(as(w.ctx, who))
		stream, err := d.api.WatchWithdrawals(ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return cancel, err
	}
	var ends []context.CancelFunc
	for _, who := range []string{"a", "b", "c", "d"} {
		for range 2 {
			end, err := open(who)
			w.must(err)
			ends = append(ends, end)
		}
		end, err := open(who)
		refused(t, err, codes.ResourceExhausted, refusal.Busy)
		end()
	}
	end, err := open("e")
	refused(t, err, codes.ResourceExhausted, refusal.Busy)
	end()
	ends[0]()
	w.eventually("a free place", func() bool {
		end, err := open("e")
		defer end()
		return err == nil
	})
	for _, end := range ends {
		end()
	}
}

// TestAttack_SlowConsumer: those that do not read hold nobody else up.
func TestAttack_SlowConsumer(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	d.keep(0, 600)
	w.publish(0, 600)
	ctx, cancel := context.WithCancel(as(w.ctx, "cert:slow"))
	defer cancel()
	for range 4 {
		if _, err := d.api.WatchWithdrawals(ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{}); err != nil { // and never read
			t.Fatal(err)
		}
	}
	l := &listener{heard: map[string]int{}}
	l.hear(d, 600, 1)
	if made := d.ask(); made.Id == "" {
		t.Error("no request")
	}
}

// TestAStreamEndsWithItsService: a consumer is told that the service stops.
func TestAStreamEndsWithItsService(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	stream, err := d.api.WatchWithdrawals(w.ctx, &zkconsentv1.VerifierServiceWatchWithdrawalsRequest{})
	w.must(err)
	_, err = stream.Recv()
	w.must(err)
	d.service.Close()
	for err == nil {
		_, err = stream.Recv()
	}
	refused(t, err, codes.Unavailable, refusal.Stopping)
}
