package server_test

import (
	"context"
	"errors"
	"net/http"
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
