package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Reason tells programs why a service refused a call. docs/api.md lists them;
// it is empty where the service gave none, or was not reached.
type Reason = refusal.Reason

// The reasons, as docs/api.md explains them.
const (
	Malformed     = refusal.Malformed
	NotSignedIn   = refusal.NotSignedIn
	NotAllowed    = refusal.NotAllowed
	TooMany       = refusal.TooMany
	Busy          = refusal.Busy
	Unknown       = refusal.Unknown
	NoLedger      = refusal.NoLedger
	NoIssuer      = refusal.NoIssuer
	NoStore       = refusal.NoStore
	TooLate       = refusal.TooLate
	NotReady      = refusal.NotReady
	NotServed     = refusal.NotServed
	Stopping      = refusal.Stopping
	Reused        = refusal.Reused
	Broken        = refusal.Broken
	NotSatisfied  = refusal.NotSatisfied
	NoLongerThere = refusal.NoLongerThere
	OutOfRange    = refusal.OutOfRange
)

// An Error is a call that a service refused, or that did not reach one.
type Error struct {
	Method     string // such as VerifierService.Verify, or GET for a Visitor's
	Address    string // where the last attempt went
	Code       codes.Code
	Reason     Reason        // for programs; empty where there is none
	Message    string        // for people, as it came: quote it before a terminal sees it
	RetryAfter time.Duration // what the service asked for; 0 where it did not say
	Attempts   int

	ended error // the context's error, where that ended the call
}

// maxMessage bounds what is kept of a service's words, in bytes.
const maxMessage = 500

// Error quotes the service's words.
func (e *Error) Error() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "client: %s at %s: ", e.Method, e.Address)
	if e.Reason != "" {
		fmt.Fprintf(b, "%.40q, ", string(e.Reason))
	}
	fmt.Fprintf(b, "%s: %q", e.Code, e.Message)
	if e.Attempts > 1 {
		fmt.Fprintf(b, " (after %d attempts)", e.Attempts)
	}
	return b.String()
}

// Unwrap is the error of the context that ended the call; nil otherwise.
func (e *Error) Unwrap() error { return e.ended }

// GRPCStatus is the status, without its details.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// Unreachable tells that no answer came, or none that decides anything: the same
// call may succeed later.
func (e *Error) Unreachable() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return true
	}
	return false
}

// ErrAnswer reports an answer that does not belong to its question, or is none.
// Nothing that it says may be used.
var ErrAnswer = errors.New("client: the answer is not one to this question")

func wrong(method, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrAnswer, method, fmt.Sprintf(format, args...))
}

// failed makes an Error of what a call ended with. ctx is the caller's own.
func failed(ctx context.Context, method, address string, err error) *Error {
	s := status.Convert(err)
	e := &Error{
		Method: shortName(method), Address: address, Code: s.Code(), Reason: refusal.Of(err),
		Message: s.Message(), RetryAfter: min(max(refusal.After(err), 0), maxRetryAfter), ended: ctx.Err(),
	}
	if len(e.Reason) > maxReason {
		e.Reason = ""
	}
	if len(e.Message) > maxMessage {
		e.Message = e.Message[:maxMessage] + "…"
	}
	return e
}

// maxRetryAfter bounds the time that a service may ask to wait. Its longest times
// would run over in a sum, and be no time at all.
const maxRetryAfter = 24 * time.Hour

// maxReason bounds a reason in bytes; none of ours is as long.
const maxReason = 40

// shortName is a method as people write it.
func shortName(method string) string {
	return strings.ReplaceAll(strings.TrimPrefix(method, "/zkconsent.v1."), "/", ".")
}
