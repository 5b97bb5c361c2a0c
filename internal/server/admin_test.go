package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/internal/server"
)

func TestAdmin(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0"} {
		if _, err := server.NewAdmin(server.AdminConfig{Listen: address}); !errors.Is(err, server.ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
	}
	a, err := server.NewAdmin(server.AdminConfig{Listen: "127.0.0.1:0", Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("metrics"))
	})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	for path, want := range map[string]int{
		"/healthz": 200, "/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/cmdline": 200,
		"/": 404, "/v1/genesis": 404, "/debug": 404,
	} {
		if got := ask(t, http.DefaultClient, http.MethodGet, "http://"+a.Addr()+path, nil); got.http != want {
			t.Errorf("%s: %d, want %d", path, got.http, want)
		}
	}
	// A page in the operator's browser, or a name that somebody pointed here.
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"X-Forwarded-For", "192.0.2.1"}} {
		if got := ask(t, http.DefaultClient, http.MethodGet, "http://"+a.Addr()+"/metrics", nil, headers...); got.http != http.StatusForbidden {
			t.Errorf("%v: %d", headers, got.http)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	without, err := server.NewAdmin(server.AdminConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ended, stop := context.WithCancel(context.Background())
	go func() { done <- without.Serve(ended) }()
	if got := ask(t, http.DefaultClient, http.MethodGet, "http://"+without.Addr()+"/metrics", nil); got.http != http.StatusNotFound {
		t.Errorf("no metrics: %d", got.http)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// blocked waits with a value that no profile may show.
//
//go:noinline
func blocked(witness [4]uint64, until <-chan struct{}) uint64 {
	<-until
	return witness[0] ^ witness[3]
}

// TestAttack_WitnessInAProfile: whoever has an account on the machine reads
// profiles. Those in which Go prints the arguments of functions, which are
// pieces of witnesses where a proof is made, are not served.
func TestAttack_WitnessInAProfile(t *testing.T) {
	a, err := server.NewAdmin(server.AdminConfig{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	until, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		_ = blocked([4]uint64{0x5ec2e75ec2e7, 0x5ec2e75ec2e7, 0x5ec2e75ec2e7, 0x5ec2e75ec2e7}, until)
	}()
	for path, want := range map[string]int{
		"goroutine": 200, "goroutine?debug=0": 200, "goroutine?debug=1": 200, "heap?debug=1": 200, "cmdline": 200,
		"goroutine?debug=2": 403, "goroutine?debug=02": 403, "goroutine?debug=3": 403, "goroutine?debug=1&debug=2": 200, "goroutine?debug=2&debug=1": 403,
		"goroutine?DEBUG=2": 200, "goroutine?%64ebug=2": 403, "goroutine?debug=%32": 403, "goroutine?debug=+2": 200, "goroutine?debug=%2B2": 403, "/goroutine?debug=2": 307, "heap?debug=2": 403,
	} {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		got := ask(t, client, http.MethodGet, "http://"+a.Addr()+"/debug/pprof/"+path, nil)
		client.CloseIdleConnections()
		if got.http != want {
			t.Errorf("%s: %d, want %d", path, got.http, want)
		}
		if strings.Contains(string(got.body), "5ec2e7") {
			t.Errorf("%s: the value is shown", path)
		}
	}
	close(until)
	<-over
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
