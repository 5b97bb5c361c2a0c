package refusal_test

import (
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestRefusalsCarryTheirReason(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason refusal.Reason
		after  time.Duration
		words  string
	}{
		{refusal.New(codes.NotFound, refusal.Unknown, "no request %d", 7), codes.NotFound, refusal.Unknown, 0, "no request 7"},
		{refusal.Later(codes.ResourceExhausted, refusal.Busy, 3*time.Second, "full"), codes.ResourceExhausted, refusal.Busy, 3 * time.Second, "full"},
		{refusal.Field("id", "is %s", "odd"), codes.InvalidArgument, refusal.Malformed, 0, "id: is odd"},
		{status.Error(codes.Internal, "plain"), codes.Internal, "", 0, "plain"},
	} {
		if s := status.Convert(c.err); s.Code() != c.code || s.Message() != c.words {
			t.Errorf("%v: %s %q, want %s %q", c.err, s.Code(), s.Message(), c.code, c.words)
		}
		if refusal.Of(c.err) != c.reason || refusal.After(c.err) != c.after {
			t.Errorf("%v: reason %q after %s", c.err, refusal.Of(c.err), refusal.After(c.err))
		}
	}
}

func TestAFieldIsNamed(t *testing.T) {
	for _, d := range status.Convert(refusal.Field("a.b", "is odd")).Details() {
		if b, ok := d.(*errdetails.BadRequest); ok && b.FieldViolations[0].Field == "a.b" && b.FieldViolations[0].Description == "is odd" {
			return
		}
	}
	t.Error("the field is not named")
}

// A reason of another domain is not ours to read.
func TestAnotherDomainsReasonIsNone(t *testing.T) {
	s, err := status.New(codes.Internal, "x").WithDetails(&errdetails.ErrorInfo{Reason: "BUSY", Domain: "elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	if r := refusal.Of(s.Err()); r != "" {
		t.Errorf("reason %q", r)
	}
}
