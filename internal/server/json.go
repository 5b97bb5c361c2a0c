package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strict is the one form of bodies: JSON with known fields, each once, and
// nothing after it. The gateway's own decoder reads the first value and leaves
// the rest.
type strict struct{ runtime.JSONPb }

func newStrict() *strict {
	return &strict{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: true},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false, RecursionLimit: 16},
	}}
}

// NewDecoder reads one message.
func (s *strict) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, err := io.ReadAll(r)
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return err
		case err != nil: // which names addresses of this machine
			return errors.New("body: it did not arrive whole in its time")
		}
		if len(b) == 0 {
			return io.EOF // which the gateway takes for a message without fields
		}
		return s.Unmarshal(b, v)
	})
}

// position is where protojson says that a fault is.
var position = regexp.MustCompile(`line \d+:\d+`)

// maxValues is how many values a body has at most; the call that takes most of
// them takes a list of 256.
const maxValues = 4096

// values is how many values a body has at most, by its commas: protojson takes
// half a second for a list of half a million, before anybody is asked who calls.
func values(b []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ',' && !quoted:
			n++
		}
	}
	return n
}

// Unmarshal decodes a whole body. protojson's own words quote the body, in
// which there may be a secret: where the fault is must do.
func (s *strict) Unmarshal(b []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return errors.New("body: no message")
	}
	if values(b) > maxValues {
		return fmt.Errorf("body: more than %d values, which no call takes", maxValues)
	}
	if err := s.UnmarshalOptions.Unmarshal(b, m); err != nil {
		at := position.FindString(err.Error())
		if at == "" {
			at = "its end"
		}
		return errors.New("body: at " + at + " it is not what this call takes: an unknown or repeated field, a wrong kind of value, or more than one value")
	}
	return nil
}
