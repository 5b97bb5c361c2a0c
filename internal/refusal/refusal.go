// Package refusal makes the errors that the services answer with: a
// google.rpc.Status with a code, words for people, and a reason for programs
// (docs/api.md).
//
// # Caveats
//
// What goes into a refusal is read by whoever called. It never quotes an error
// of a solver, a store or a file, nor anything of a witness.
package refusal

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the domain of every reason.
const Domain = "zkconsent"

// A Reason tells programs why a call was refused. Reasons are part of the
// interface: their names do not change.
type Reason string

// The reasons that several services share.
const (
	Malformed     Reason = "MALFORMED"       // a field is not what its rules demand
	NotSignedIn   Reason = "NOT_SIGNED_IN"   // no credential, or none that holds
	NotAllowed    Reason = "NOT_ALLOWED"     // the caller's roles do not include this call
	TooMany       Reason = "TOO_MANY"        // this caller calls too often
	Busy          Reason = "BUSY"            // the service has no place left
	Unknown       Reason = "UNKNOWN"         // there is no such thing
	NoLedger      Reason = "NO_LEDGER"       // the ledger cannot be reached, lies, or stands still
	NoIssuer      Reason = "NO_ISSUER"       // the issuer of a token cannot be asked for its keys
	NoStore       Reason = "NO_STORE"        // the store cannot be asked
	TooLate       Reason = "TOO_LATE"        // the call's time was over
	NotReady      Reason = "NOT_READY"       // the process has begun and cannot serve yet, or cannot at present
	NotServed     Reason = "NOT_SERVED"      // this process does not serve that
	Stopping      Reason = "STOPPING"        // the process is being stopped
	Reused        Reason = "REUSED"          // an idempotency key was used for something else
	Broken        Reason = "BROKEN"          // the service's own fault; its operator finds it in the log
	NotSatisfied  Reason = "NOT_SATISFIED"   // the records do not prove the statement
	NoLongerThere Reason = "NO_LONGER_THERE" // what was named has been replaced
	OutOfRange    Reason = "OUT_OF_RANGE"    // the ledger does not have this range
)

// New is an error with a reason. The words are for people and say what to do.
func New(code codes.Code, reason Reason, format string, args ...any) error {
	return with(status.Newf(code, format, args...), &errdetails.ErrorInfo{Reason: string(reason), Domain: Domain})
}

// Later is New for a call that may be sent again after a while. Over REST the
// while is the header Retry-After too.
func Later(code codes.Code, reason Reason, after time.Duration, format string, args ...any) error {
	return with(status.Newf(code, format, args...), &errdetails.ErrorInfo{Reason: string(reason), Domain: Domain},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
}

// Field is New for a field of a request that is at fault.
func Field(field, format string, args ...any) error {
	words := fmt.Sprintf(format, args...)
	return Fields(field+": "+words, &errdetails.BadRequest_FieldViolation{Field: field, Description: words})
}

// Fields is Field for several fields, with words that stand for all of them.
func Fields(words string, faults ...*errdetails.BadRequest_FieldViolation) error {
	return with(status.New(codes.InvalidArgument, words), &errdetails.ErrorInfo{Reason: string(Malformed), Domain: Domain},
		&errdetails.BadRequest{FieldViolations: faults})
}

func with(s *status.Status, details ...protoadapt.MessageV1) error {
	detailed, err := s.WithDetails(details...)
	if err != nil {
		return s.Err() // of an OK status alone
	}
	return detailed.Err()
}

// Of returns the reason of an error that a service answered with, and empty for
// one that has none.
func Of(err error) Reason {
	for _, d := range status.Convert(err).Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok && i.Domain == Domain {
			return Reason(i.Reason)
		}
	}
	return ""
}

// After returns how long to wait before the call is sent again, and 0 for an
// error that does not say.
func After(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return r.RetryDelay.AsDuration()
		}
	}
	return 0
}
