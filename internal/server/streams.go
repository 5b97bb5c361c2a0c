package server

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/grpc/status"
)

// opening is an answer before its first byte. The gateway puts an error of a
// stream into a frame, since messages may have come before it; one that comes
// instead of a stream is answered like that of any other call.
type opening struct {
	http.ResponseWriter
	began bool
	fault error // what the stream ended with
	drop  bool  // the gateway's frame
}

type openingKey struct{}

// streamFault is the gateway's handler for errors of streams.
func streamFault(ctx context.Context, err error) *status.Status {
	err = complete(err)
	if o, ok := ctx.Value(openingKey{}).(*opening); ok && !o.began {
		o.fault = err
	}
	return status.Convert(err)
}

func (o *opening) WriteHeader(code int) {
	if !o.began {
		o.began = true
		if o.Header().Get("Cache-Control") == "" {
			o.Header().Set("Cache-Control", "no-store") // unless the service says otherwise
		}
		if o.fault != nil {
			o.drop = true
			writeFault(o.ResponseWriter, 0, o.fault)
			return
		}
	}
	if !o.drop {
		o.ResponseWriter.WriteHeader(code)
	}
}

func (o *opening) Write(b []byte) (int, error) {
	if !o.began {
		o.WriteHeader(http.StatusOK)
	}
	if o.drop {
		return len(b), nil
	}
	n, err := o.ResponseWriter.Write(b)
	return n, gone(err)
}

// FlushError is for the gateway's streams.
func (o *opening) FlushError() error {
	return gone(http.NewResponseController(o.ResponseWriter).Flush())
}

var errGone = errors.New("server: the caller has gone")

// gone is an error of a connection without its addresses: what the gateway
// cannot write, it logs, past the log of this process.
func gone(err error) error {
	if err != nil {
		return errGone
	}
	return nil
}

// Unwrap lets a stream flush.
func (o *opening) Unwrap() http.ResponseWriter { return o.ResponseWriter }
