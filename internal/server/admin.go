package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// An AdminConfig says what the operator's own listener shows.
type AdminConfig struct {
	Listen  string       // loopback host:port; port 0 takes any
	Metrics http.Handler // behind /metrics; nil shows none
}

// An Admin is the operator's own listener: metrics, profiles and a sign of
// life, on loopback alone. Whoever has an account on the machine can read it; a
// profile shows which work is done, never for whom or with what.
type Admin struct {
	listener net.Listener
	http     *http.Server
}

// maxProfile is the longest profile, with time to send it.
const maxProfile = 3 * time.Minute

// NewAdmin binds the listener; [Admin.Serve] serves it.
func NewAdmin(c AdminConfig) (*Admin, error) {
	l, err := listen(c.Listen, false)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /debug/pprof/", withoutArguments(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if c.Metrics != nil {
		mux.Handle("GET /metrics", c.Metrics)
	}
	const few = 32
	return &Admin{limit(l, few), &http.Server{
		Handler:           onlyLocal(mux),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      maxProfile,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          log.New(io.Discard, "", 0),
	}}, nil
}

// Addr is where it listens.
func (a *Admin) Addr() string { return a.listener.Addr().String() }

// Serve serves until ctx ends. It returns nil after an orderly end.
func (a *Admin) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- a.http.Serve(a.listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	_ = a.http.Close()
	_ = a.listener.Close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// withoutArguments refuses the forms of profiles in which Go prints the words
// that functions were called with: while a proof is made, these are pieces of a
// witness.
func withoutArguments(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if form, _ := strconv.Atoi(r.FormValue("debug")); form > 1 {
			http.Error(w, "profiles with the arguments of functions are not served; debug=1 shows the functions", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

// onlyLocal refuses what a page in the operator's browser asks for: by a name
// that its owner points at this machine, it would be let in.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownAccount(r) {
			http.Error(w, "this listener is for the operator of this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
