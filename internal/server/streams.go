package server

import (
	"context"
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
	return o.ResponseWriter.Write(b)
}

// Unwrap lets a stream flush.
func (o *opening) Unwrap() http.ResponseWriter { return o.ResponseWriter }
