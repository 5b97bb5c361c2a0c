package verifying

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/verifier"
)

// A Config says what a [Service] serves.
type Config struct {
	Verifier *verifier.Verifier
	// Policies are what requests are made from; nil makes none.
	Policies *Policies
	// Smallest is the smallest count of answers that is told; 10 when 0, and
	// least 3: below that a hidden count could be only one.
	Smallest uint32
	// Calls bounds the presentations, and the batches, that are dealt with at a
	// time; 256 when 0. Beyond it a call is refused as BUSY. One principal has
	// three quarters of them, and so have all callers without one together.
	Calls int
	// Streams bounds the streams of withdrawals; 64 when 0. One principal has a
	// quarter of them.
	Streams int
	// Look is the time between two looks for withdrawals; 1 s when 0.
	Look time.Duration
	// Sweep is the time between two walks over the answers for withdrawals that
	// are known and may still meet an answer; 15 s when 0.
	Sweep time.Duration
	// Heartbeat is the time after which a stream that has nothing to tell says
	// so; 10 s when 0.
	Heartbeat time.Duration
	// PurgeEvery is the time between two purges; 1 h when 0, and none below it.
	PurgeEvery time.Duration
	Log        *slog.Logger // slog.Default() when nil
}

func (c *Config) complete() {
	for _, d := range []struct {
		of   *time.Duration
		when time.Duration
	}{{&c.Look, time.Second}, {&c.Sweep, 15 * time.Second}, {&c.Heartbeat, 10 * time.Second}, {&c.PurgeEvery, time.Hour}} {
		if *d.of == 0 {
			*d.of = d.when
		}
	}
	if c.Smallest == 0 {
		c.Smallest = 10
	}
	if c.Calls == 0 {
		c.Calls = 256
	}
	if c.Streams == 0 {
		c.Streams = 64
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// A Service answers the calls of VerifierService. Who may make which is decided
// before a call reaches it.
type Service struct {
	zkconsentv1.UnimplementedVerifierServiceServer
	c       Config
	calls   places        // one for each call that is dealt with
	cores   chan struct{} // one for each presentation of a batch
	streams places
	trouble trouble

	stop context.CancelFunc // ends the streams and the purges
	over context.Context
	work sync.WaitGroup
}

// New starts a service; Close ends what it started.
func New(c Config) (*Service, error) {
	switch {
	case c.Verifier == nil:
		return nil, errors.New("verifying: no verifier")
	case c.Calls < 0 || c.Streams < 0 || c.Look < 0 || c.Sweep < 0 || c.Heartbeat < 0:
		return nil, errors.New("verifying: a negative bound")
	case c.Smallest != 0 && c.Smallest < 3:
		return nil, errors.New("verifying: counts below 3 must be suppressed")
	}
	c.complete()
	s := &Service{
		c: c, calls: places{all: c.Calls, each: max(c.Calls*3/4, 1)}, cores: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		streams: places{all: c.Streams, each: max(c.Streams/4, 1)}, trouble: trouble{log: c.Log},
	}
	s.over, s.stop = context.WithCancel(context.Background())
	if c.PurgeEvery > 0 {
		s.work.Go(s.purge)
	}
	return s, nil
}

// Close ends the streams and the purges, and waits for the latter. Calls that
// are being dealt with are not waited for.
func (s *Service) Close() {
	s.stop()
	s.work.Wait()
}

// readyWithin bounds what Ready asks.
const readyWithin = 2 * time.Second

// Ready tells whether presentations can be decided: nil, or why not, for the
// operator and not for callers.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(s.over, readyWithin)
	defer cancel()
	return s.c.Verifier.Able(ctx)
}

// purge deletes regularly what may no longer be kept.
func (s *Service) purge() {
	every := time.NewTicker(s.c.PurgeEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-s.over.Done():
			return
		}
		n, err := s.c.Verifier.Purge(s.over)
		switch {
		case s.over.Err() != nil:
			return
		case err != nil:
			s.c.Log.WarnContext(s.over, "what may no longer be kept was not purged; the next purge will", "error", err)
		default:
			s.c.Log.InfoContext(s.over, "purged answers past their end, and requests", "answers", n)
		}
	}
}
