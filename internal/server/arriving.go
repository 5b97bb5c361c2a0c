package server

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// aged counts the calls of a connection, and lets one that is old end with its
// answer, as those of gRPC do.
func aged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(placeKey{}).(*placed); ok {
			a := &arriving{ReadCloser: r.Body, on: p}
			p.touch()
			if r.ContentLength == 0 {
				a.whole()
			}
			r.Body = a
			defer a.over()
			if time.Since(p.since) > maxAge {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// arriving is a body. A call is under way from when the last of it has arrived.
type arriving struct {
	io.ReadCloser
	on *placed

	mu      sync.Mutex
	arrived bool
	ended   bool
}

func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		a.whole()
	}
	return n, err
}

func (a *arriving) whole() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.arrived && !a.ended {
		a.arrived = true
		a.on.enter()
	}
}

func (a *arriving) over() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.arrived && !a.ended {
		a.on.leave()
	}
	a.ended = true
}
