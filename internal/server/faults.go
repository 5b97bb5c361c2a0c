package server

import (
	"context"
	"errors"

	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// reasons are for the refusals that gRPC and its gateway make by themselves.
func reasons() map[codes.Code]refusal.Reason {
	return map[codes.Code]refusal.Reason{
		codes.InvalidArgument:   refusal.Malformed,
		codes.NotFound:          refusal.Unknown,
		codes.PermissionDenied:  refusal.NotAllowed,
		codes.Unauthenticated:   refusal.NotSignedIn,
		codes.ResourceExhausted: refusal.Busy,
		codes.DeadlineExceeded:  refusal.TooLate,
		codes.Unimplemented:     refusal.NotServed,
		codes.OutOfRange:        refusal.OutOfRange,
		codes.Aborted:           refusal.NoLongerThere,
		codes.Unavailable:       refusal.Stopping,
		codes.Internal:          refusal.Broken,
	}
}

func broken() error {
	return refusal.New(codes.Internal, refusal.Broken, "the service could not do this by its own fault; its operator finds the reason in its log")
}

// stated tells whether an error is a status, or says that its caller gave up.
func stated(err error) bool {
	_, ok := status.FromError(err)
	return ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// complete gives every error a status with a reason.
func complete(err error) error {
	switch {
	case err == nil:
		return nil
	case !stated(err):
		return broken()
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
		if errors.Is(err, context.DeadlineExceeded) {
			return refusal.New(codes.DeadlineExceeded, refusal.TooLate, "the call's time was over")
		}
		if errors.Is(err, context.Canceled) {
			return status.Error(codes.Canceled, "the call was cancelled")
		}
	}
	if s.Code() == codes.Unknown {
		return broken()
	}
	reason, ok := reasons()[s.Code()]
	if !ok || refusal.Of(err) != "" || len(s.Details()) > 0 {
		return s.Err()
	}
	return refusal.New(s.Code(), reason, "%s", s.Message())
}
