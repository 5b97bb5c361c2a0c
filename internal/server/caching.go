package server

import (
	"net/http"
	"strings"
)

// outgoing lets the two headers of a service's answer through that say how
// long it holds.
func outgoing(name string) (string, bool) {
	switch name {
	case "cache-control":
		return "Cache-Control", true
	case "etag":
		return "ETag", true
	}
	return "", false
}

// revalidated answers a GET with 304 where the caller has the answer already,
// as the ETag of the answer and the caller's If-None-Match say.
func revalidated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if has := r.Header.Get("If-None-Match"); has != "" && r.Method == http.MethodGet {
			w = &conditional{ResponseWriter: w, has: has}
		}
		next.ServeHTTP(w, r)
	})
}

// conditional drops the body of an answer that its caller has.
type conditional struct {
	http.ResponseWriter
	has   string
	known bool // the status is decided
	drop  bool
}

func (c *conditional) WriteHeader(status int) {
	if !c.known {
		c.known = true
		tag := c.Header().Get("ETag")
		if status == http.StatusOK && tag != "" && named(c.has, tag) {
			c.drop = true
			c.Header().Del("Content-Type")
			c.Header().Del("Content-Length")
			status = http.StatusNotModified
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *conditional) Write(b []byte) (int, error) {
	if !c.known {
		c.WriteHeader(http.StatusOK)
	}
	if c.drop {
		return len(b), nil
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets a stream flush.
func (c *conditional) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush is for the gateway's streams, which look for it.
func (c *conditional) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// named tells whether a list of entity tags has one, or is "*".
func named(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}
