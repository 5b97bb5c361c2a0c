package client_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// accepted is the acceptance of the presentation that harness_test.go makes.
func accepted(p []byte) *zkconsentv1.Verdict {
	v := denied(p)
	v.Accepted, v.Reason, v.Request = true, "", hex.EncodeToString(p[4:20])
	v.Circuit, v.Epoch, v.Rule, v.Until = string(consent.ConsentOnly), 1, "pseudonym", 2
	v.Nullifier, v.ComparisonCode = strings.Repeat("00", 32), "000000"
	return v
}

// TestAttack_LyingVerifier: an answer that is not one to the question decides
// nothing, whatever it says.
func TestAttack_LyingVerifier(t *testing.T) {
	lies := map[string]func(*zkconsentv1.Verdict){
		"on another presentation": func(v *zkconsentv1.Verdict) { v.Digest = strings.Repeat("00", 32) },
		"on another request":      func(v *zkconsentv1.Verdict) { v.Request = strings.Repeat("00", 16) },
		"of another pseudonym":    func(v *zkconsentv1.Verdict) { v.Nullifier = strings.Repeat("00", 31) + "01" },
		"of another epoch":        func(v *zkconsentv1.Verdict) { v.Epoch = 2 },
		"of another scheme":       func(v *zkconsentv1.Verdict) { v.Circuit = string(consent.ClaimWidePlonk) },
		"accepted and denied":     func(v *zkconsentv1.Verdict) { v.Reason = "withdrawn" },
		"neither":                 func(v *zkconsentv1.Verdict) { v.Accepted = false },
		"denied with a pseudonym": func(v *zkconsentv1.Verdict) { v.Accepted, v.Reason = false, "withdrawn" },
		"a reason that writes": func(v *zkconsentv1.Verdict) {
			*v = zkconsentv1.Verdict{Reason: "a\x1b[2J", Request: v.Request, Digest: v.Digest}
		},
		"an unknown circuit":           func(v *zkconsentv1.Verdict) { v.Circuit = "consent" },
		"an unknown rule":              func(v *zkconsentv1.Verdict) { v.Rule = "twice" },
		"a pseudonym beyond the field": func(v *zkconsentv1.Verdict) { v.Nullifier = strings.Repeat("ff", 32) },
		"a short pseudonym":            func(v *zkconsentv1.Verdict) { v.Nullifier = "00" },
		"capitals":                     func(v *zkconsentv1.Verdict) { v.Digest = strings.ToUpper(v.Digest) },
		"a time before all":            func(v *zkconsentv1.Verdict) { v.Until = -1 },
		"a time after all":             func(v *zkconsentv1.Verdict) { v.At = 1 << 62 },
		"a code that is none":          func(v *zkconsentv1.Verdict) { v.ComparisonCode = "12345" },
		"once without what":            func(v *zkconsentv1.Verdict) { v.Rule = "once" },
		"words without end":            func(v *zkconsentv1.Verdict) { v.Rule, v.OncePer = "once", strings.Repeat("x", 1<<15) },
	}
	s := &service{}
	v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	p := presentation()
	s.verdict = func(r *zkconsentv1.VerifyRequest) *zkconsentv1.Verdict { return accepted(r.Presentation) }
	if got, err := v.Verify(within(t, 20*time.Second), p); err != nil || !got.Accepted || got.RequestID[0] != 7 {
		t.Fatalf("the truth: %+v, %v", got, err)
	}
	if got, err := v.VerifyBatch(within(t, 20*time.Second), [][]byte{p, p}); err != nil || len(got) != 2 || !got[1].Accepted {
		t.Fatalf("the truth, twice: %+v, %v", got, err)
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			s.verdict = func(r *zkconsentv1.VerifyRequest) *zkconsentv1.Verdict {
				v := accepted(r.Presentation)
				lie(v)
				return v
			}
			got, err := v.Verify(within(t, 20*time.Second), p)
			if !errors.Is(err, client.ErrAnswer) || got != (verifier.Verdict{Reason: verifier.Undecided}) {
				t.Errorf("%+v, %v", got, err)
			}
			if strings.ContainsFunc(err.Error(), func(c rune) bool { return !unicode.IsPrint(c) }) || len(err.Error()) > 400 {
				t.Errorf("%q", err)
			}
			if _, err := v.VerifyBatch(within(t, 20*time.Second), [][]byte{p}); !errors.Is(err, client.ErrAnswer) {
				t.Errorf("in a batch: %v", err)
			}
			if _, err := client.VerdictOf(nil); err == nil {
				t.Error("no verdict is one")
			}
		})
	}
	// What is no presentation is accepted by nobody.
	s.verdict = func(r *zkconsentv1.VerifyRequest) *zkconsentv1.Verdict { return accepted(make([]byte, 40)) }
	if _, err := v.Verify(within(t, 20*time.Second), make([]byte, 40)); !errors.Is(err, client.ErrAnswer) {
		t.Errorf("%v", err)
	}
}

// TestRefusalsAreQuoted: what a service says does not write to a terminal, and
// not without end.
func TestRefusalsAreQuoted(t *testing.T) {
	s, _ := flaky(99, refusal.New(codes.InvalidArgument, "A\x1b[2J", "\x1b[2J%s", strings.Repeat("x", 4000)))
	v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	_, err := v.Verify(within(t, 20*time.Second), []byte("x"))
	if err == nil || strings.ContainsFunc(err.Error(), func(c rune) bool { return !unicode.IsPrint(c) }) || len(err.Error()) > 800 {
		t.Errorf("%q", err)
	}
}

// breaks are what is behind an address that should be a service's: each is
// given a connection, and the client gets an error in bounded time and memory.
func breaks() map[string]func(net.Conn) {
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	return map[string]func(net.Conn){
		"closes":        func(net.Conn) {},
		"says nothing":  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"says settings": func(c net.Conn) { _, _ = c.Write(settings); _, _ = io.Copy(io.Discard, c) },
		"speaks HTTP/1": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			time.Sleep(time.Millisecond)
		},
		"garbage": func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte{0xa5}, 1<<16)) },
		"a frame of 16 MiB": func(c net.Conn) {
			_, _ = c.Write(append(settings, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1))
			_, _ = io.Copy(c, io.LimitReader(zeros{}, 1<<24))
		},
		"headers without end": func(c net.Conn) {
			_, _ = c.Write(settings)
			for range 1 << 12 {
				if _, err := c.Write(append([]byte{0, 0x40, 0, 9, 0, 0, 0, 0, 1}, make([]byte, 1<<14)...)); err != nil {
					return
				}
			}
		},
		"goes away": func(c net.Conn) {
			_, _ = c.Write(append(settings, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
		},
		"resets": func(c net.Conn) {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		},
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestAttack_BrokenService: whatever is behind the address, calls end with an
// error of this package in bounded time, and no goroutine stays.
func TestAttack_BrokenService(t *testing.T) {
	for name, do := range breaks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.SetDeadline(time.Now().Add(5 * time.Second))
					do(c)
					_ = c.Close()
				}
			}()
			c := quick(l.Addr().String())
			c.Timeout, c.Attempts, c.Patience = 300*time.Millisecond, 2, 2*time.Second
			conn, err := client.Dial(c)
			if err != nil {
				t.Fatal(err)
			}
			v := client.NewVerifier(conn)
			for what, call := range map[string]func() error{
				"verify":  func() error { _, err := v.Verify(within(t, time.Minute), []byte("x")); return err },
				"batch":   func() error { _, err := v.VerifyBatch(within(t, time.Minute), [][]byte{{1}}); return err },
				"verdict": func() error { _, _, err := v.Verdict(within(t, time.Minute), [16]byte{}); return err },
				"visit": func() error {
					w, err := client.NewVisitor(client.Config{Timeout: c.Timeout, Attempts: 2, Backoff: time.Millisecond})
					if err == nil {
						_, err = w.Request(within(t, time.Minute), "http://"+l.Addr().String()+"/v1/requests/x")
					}
					return err
				},
			} {
				started := time.Now()
				err := call()
				var e *client.Error
				if !errors.As(err, &e) && !errors.Is(err, client.ErrAnswer) {
					t.Errorf("%s: %v", what, err)
				}
				if took := time.Since(started); took > 30*time.Second {
					t.Errorf("%s took %s", what, took)
				}
			}
			_ = conn.Close()
			_ = l.Close()
			<-ended
		})
	}
}

// TestAttack_AnswerTooLarge: an answer beyond its bound is refused, and asked
// for once.
func TestAttack_AnswerTooLarge(t *testing.T) {
	s := &service{verdict: func(*zkconsentv1.VerifyRequest) *zkconsentv1.Verdict {
		return &zkconsentv1.Verdict{OncePer: strings.Repeat("x", 3<<20)}
	}}
	calls := 0
	s.before = func(context.Context, string, any) error { calls++; return nil }
	v := client.NewVerifier(dial(t, quick(s.serve(t, nil))))
	if _, err := v.Verify(within(t, 20*time.Second), []byte("x")); status.Code(err) != codes.ResourceExhausted || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
