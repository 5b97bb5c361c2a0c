package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// news is a message that leads to a position, with some withdrawn answers.
func news(position uint64, withdrawn int) *zkconsentv1.VerifierServiceWatchWithdrawalsResponse {
	m := &zkconsentv1.VerifierServiceWatchWithdrawalsResponse{Position: position, HeadTime: 100}
	for i := range withdrawn {
		m.Withdrawn = append(m.Withdrawn, &zkconsentv1.WithdrawnAnswer{
			Request: fmt.Sprintf("%030x%02x", position, i), Digest: strings.Repeat("ab", 32), Nullifier: strings.Repeat("01", 32), Rule: "pseudonym", Until: 200, Since: 90,
		})
	}
	return m
}

type watched = func(from uint64, send func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error

func follow(t *testing.T, w watched, from uint64, deal func(client.News) error) error {
	t.Helper()
	c := quick((&service{watch: w}).serve(t, nil))
	return client.NewVerifier(dial(t, c)).Withdrawals(within(t, 30*time.Second), from, deal)
}

// TestWithdrawalsAreTakenUpAgain: a stream that breaks after each message, in
// one way or the other, leaves nothing out.
func TestWithdrawalsAreTakenUpAgain(t *testing.T) {
	var streams atomic.Int32
	done := errors.New("done")
	var seen []uint64
	err := follow(t, func(from uint64, send func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
		n := streams.Add(1)
		if err := send(news(from+1, 1)); err != nil {
			return err
		}
		if n%2 == 0 {
			return nil
		}
		return status.Error(codes.Unavailable, "cut")
	}, 5, func(n client.News) error {
		seen = append(seen, n.Position)
		if len(n.Withdrawn) != 1 || !n.Withdrawn[0].Withdrawn || n.Withdrawn[0].Since != 90 || n.HeadTime != 100 {
			t.Errorf("%+v", n)
		}
		if n.Position == 25 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || len(seen) != 20 || seen[0] != 6 {
		t.Errorf("%v, %v", seen, err)
	}
}

// What was not dealt with comes again: the position moves when deal returns.
func TestWithdrawalsAtLeastOnce(t *testing.T) {
	failed := errors.New("the disk is full")
	var asked []uint64
	w := func(from uint64, send func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
		asked = append(asked, from)
		return send(news(from+1, 1))
	}
	dealt := uint64(0)
	for range 3 {
		if err := follow(t, w, dealt, func(client.News) error { return failed }); !errors.Is(err, failed) {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(asked) != "[0 0 0]" {
		t.Errorf("%v", asked)
	}
}

// TestAttack_LyingWithdrawals: a stream that leads back or names no answers is
// no news, and one that never says anything ends.
func TestAttack_LyingWithdrawals(t *testing.T) {
	for name, m := range map[string]*zkconsentv1.VerifierServiceWatchWithdrawalsResponse{
		"leads back":             news(3, 0),
		"an answer that is none": {Position: 9, Withdrawn: []*zkconsentv1.WithdrawnAnswer{{Request: "x"}}},
		"nothing":                {Position: 9, Withdrawn: []*zkconsentv1.WithdrawnAnswer{nil}},
		"a time that is none":    {Position: 9, HeadTime: -1},
	} {
		err := follow(t, func(_ uint64, send func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
			return send(m)
		}, 5,
			func(n client.News) error { t.Errorf("%s: %+v", name, n); return nil })
		if !errors.Is(err, client.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var e *client.Error
	for name, w := range map[string]watched{
		"ends at once": func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error { return nil },
		"breaks": func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
			return status.Error(codes.Unavailable, "x")
		},
		"is refused": func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
			return refusal.New(codes.PermissionDenied, refusal.NotAllowed, "x")
		},
		"has no places": func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
			return refusal.Later(codes.ResourceExhausted, refusal.Busy, time.Millisecond, "x")
		},
	} {
		if err := follow(t, w, 0, func(client.News) error { return nil }); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A stream on which nothing comes is given up, and another one begun.
func TestSilentStream(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var streams atomic.Int32
	s := &service{watch: func(uint64, func(*zkconsentv1.VerifierServiceWatchWithdrawalsResponse) error) error {
		streams.Add(1)
		<-release
		return nil
	}}
	c := quick(s.serve(t, nil))
	c.Patience, c.Attempts = 50*time.Millisecond, 2
	err := client.NewVerifier(dial(t, c)).Withdrawals(within(t, 20*time.Second), 0, func(client.News) error { return nil })
	var e *client.Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	c.Patience = time.Minute
	if err := client.NewVerifier(dial(t, c)).Withdrawals(ctx, 0, func(client.News) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
