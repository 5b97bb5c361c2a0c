package benchmarks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/verifier"
)

// A kind is a call, or a chain of them, that is timed by itself.
type kind string

// The kinds.
const (
	wholeRound     kind = "a whole round: request, wallet, proof, verdict"
	requestMade    kind = "– CreateRequest"
	proofMade      kind = "– Prove"
	answerAccepted kind = "– Verify: accepted"
	proofDenied    kind = "Verify: denied for a wrong proof"
	replayed       kind = "Verify: accepted bytes again"
	checkpointRead kind = "GetCheckpoint"
	logRead        kind = "GetLog"
)

func kinds() []kind {
	return []kind{wholeRound, requestMade, proofMade, answerAccepted, proofDenied, replayed, checkpointRead, logRead}
}

// A tally is what became of calls.
type tally struct {
	mu       sync.Mutex
	took     map[kind]series
	refused  map[client.Reason]int // calls that a service refused, and why
	errors   []string              // calls that came to nothing for another reason
	wrong    []string              // verdicts that should have been others
	verdicts map[verifier.Reason]int
}

func newTally() *tally {
	return &tally{took: map[kind]series{}, refused: map[client.Reason]int{}, verdicts: map[verifier.Reason]int{}}
}

// timed runs a call and keeps how long it took, or why it failed.
func (y *tally) timed(k kind, call func() error) error {
	begun := time.Now()
	err := call()
	y.mu.Lock()
	defer y.mu.Unlock()
	var e *client.Error
	var judged *misjudged
	switch {
	case err == nil:
		y.took[k] = append(y.took[k], time.Since(begun))
	case k == wholeRound: // what it consists of has told already
	case errors.As(err, &judged):
		y.wrong = append(y.wrong, fmt.Sprintf("%s: %v", k, err))
	case errors.As(err, &e) && e.Reason != "":
		y.refused[e.Reason]++
	default:
		y.errors = append(y.errors, fmt.Sprintf("%s: %v", k, err))
	}
	return err
}

// A misjudged presentation got another verdict than it should.
type misjudged struct{ got, want string }

func (m *misjudged) Error() string { return fmt.Sprintf("%s, want %s", m.got, m.want) }

// services drives a process: each of its clients makes one call after the
// other.
type services struct {
	site    *site
	people  []*patient
	asker   *client.Verifier // the insurer's
	anybody *client.Verifier // who hands answers in says nothing of who it is
	node    *wire.Remote
	reader  reader

	numbers  atomic.Uint64 // of claims
	sample   atomic.Pointer[accepted]
	mu       sync.Mutex
	accepted []*accepted
}

// accepted is a presentation that was accepted.
type accepted struct {
	bytes   []byte
	verdict verifier.Verdict
}

func newServices(s *site) *services {
	return &services{
		site: s, people: s.people(), asker: client.NewVerifier(s.serving.dial("insurer")), anybody: client.NewVerifier(s.serving.dial("")),
		node: wire.NewRemote(s.node.dial("")), reader: s.reader(),
	}
}

// ask has the insurer ask about a claim that nobody asked about before.
func (l *services) ask(ctx context.Context) (*consent.SignedRequest, error) {
	return l.asker.CreateRequest(ctx, client.Asking{Policy: "claims", Context: fmt.Sprint("claim ", l.numbers.Add(1))})
}

// judged has a presentation decided, and holds the verdict against what it
// should be.
func (l *services) judged(ctx context.Context, y *tally, presentation []byte, right func(verifier.Verdict) *misjudged) error {
	v, err := l.anybody.Verify(ctx, presentation)
	if err != nil {
		return err
	}
	y.mu.Lock()
	y.verdicts[v.Reason]++
	y.mu.Unlock()
	if m := right(v); m != nil {
		return m
	}
	return nil
}

// A watchedProver times a prover. Its error is told here: a wallet keeps it to
// itself.
type watchedProver struct {
	p *client.Prover
	y *tally
}

func (w watchedProver) Prove(ctx context.Context, s *consent.Statement, wit *consent.Witness) (proof consent.Proof, err error) {
	err = w.y.timed(proofMade, func() error {
		proof, err = w.p.Prove(ctx, s, wit)
		return err
	})
	return proof, err
}

// round is one claim from the question to the verdict.
func (l *services) round(ctx context.Context, p *patient, y *tally) error {
	return y.timed(wholeRound, func() error {
		var asked *consent.SignedRequest
		if err := y.timed(requestMade, func() (err error) { asked, err = l.ask(ctx); return err }); err != nil {
			return err
		}
		review, err := p.wallet.Review(ctx, p.ledger, asked)
		if err != nil {
			return y.failed(wholeRound, err)
		}
		shown, err := p.wallet.Prove(ctx, p.ledger, watchedProver{p.prover, y}, review, true)
		if errors.Is(err, wallet.ErrProver) { // the prover's own words are told already
			return err
		}
		if err != nil {
			return y.failed(wholeRound, err)
		}
		a := &accepted{bytes: shown.Encode()}
		err = y.timed(answerAccepted, func() error {
			return l.judged(ctx, y, a.bytes, func(v verifier.Verdict) *misjudged {
				if !v.Accepted || v.RequestID != asked.Request.ID || v.Rule != consent.Once {
					return &misjudged{v.String(), "accepted, once, on its request"}
				}
				a.verdict = v
				return nil
			})
		})
		if err == nil {
			l.keep(a)
		}
		return err
	})
}

// failed keeps an error of a wallet.
func (y *tally) failed(k kind, err error) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.errors = append(y.errors, fmt.Sprintf("%s: %v", k, err))
	return err
}

// maxKept bounds the answers that are kept to be handed in again.
const maxKept = 1000

func (l *services) keep(a *accepted) {
	l.sample.CompareAndSwap(nil, a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.accepted) < maxKept {
		l.accepted = append(l.accepted, a)
	}
}

// kept are the answers that were accepted until now.
func (l *services) kept() []*accepted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.accepted)
}

// replay hands in the nth of the answers that were accepted.
func (l *services) replay(ctx context.Context, y *tally, n int) error {
	l.mu.Lock()
	a := l.accepted[n%len(l.accepted)]
	l.mu.Unlock()
	return y.timed(replayed, func() error {
		return l.judged(ctx, y, a.bytes, func(v verifier.Verdict) *misjudged {
			if v != a.verdict {
				return &misjudged{v.String(), a.verdict.String()}
			}
			return nil
		})
	})
}

// A client of the load makes its nth call. An error ends nothing: the tally has
// it.
type caller func(ctx context.Context, y *tally, n int) error

// claimant is a patient who answers one question after the other.
func (l *services) claimant(p *patient) caller {
	return func(ctx context.Context, y *tally, _ int) error { return l.round(ctx, p, y) }
}

// replayer hands accepted answers in again.
func (l *services) replayer(from int) caller {
	return func(ctx context.Context, y *tally, n int) error { return l.replay(ctx, y, from+n) }
}

// Of false answers, so many are made at once, and made anew before the epoch
// that they name can be too old.
const (
	falseAnswers = 64
	falseFor     = 2 * time.Minute
)

// cheat hands in false answers.
func (l *services) cheat(f *forger) caller {
	var ready [][]byte
	var made time.Time
	return func(ctx context.Context, y *tally, n int) (err error) {
		if time.Since(made) > falseFor {
			if ready, err = f.answers(ctx, l, falseAnswers); err != nil {
				return y.failed(proofDenied, err)
			}
			made = time.Now()
		}
		return y.timed(proofDenied, func() error {
			return l.judged(ctx, y, ready[n%len(ready)], func(v verifier.Verdict) *misjudged {
				if v.Accepted || v.Reason != verifier.BadProof {
					return &misjudged{v.String(), string(verifier.BadProof)}
				}
				return nil
			})
		})
	}
}

// reading reads the ledger: its newest checkpoint, and the log from the start.
func (l *services) reading(ctx context.Context, y *tally, n int) error {
	if n%2 == 0 {
		return y.timed(checkpointRead, func() error { _, err := l.node.Checkpoint(ctx); return err })
	}
	return y.timed(logRead, func() error {
		entries, err := l.node.Log(ctx, journal.Records, 0, 1000)
		if err == nil && len(entries) < 2*len(l.people) {
			err = fmt.Errorf("%d records, at least %d were committed", len(entries), 2*len(l.people))
		}
		return err
	})
}

// drive runs callers for some time, each one call after the other, and returns
// how long it was until the last one had its answer.
func drive(ctx context.Context, d time.Duration, y *tally, callers ...caller) time.Duration {
	begun := time.Now()
	var all sync.WaitGroup
	for _, c := range callers {
		all.Go(func() {
			for n := 0; time.Since(begun) < d && ctx.Err() == nil; n++ {
				if c(ctx, y, n) != nil && !pause(ctx) {
					return
				}
			}
		})
	}
	all.Wait()
	for _, s := range y.took {
		slices.Sort(s)
	}
	return time.Since(begun)
}

// pause keeps a caller who is refused from asking again at once.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}
