package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// A lateVerifier is a verifier's service that comes when the ledger is there.
// Until then its interceptors refuse every call to it.
type lateVerifier struct {
	zkconsentv1.VerifierServiceServer // set before there is
	there                             atomic.Pointer[verifying.Service]
}

func (l *lateVerifier) come(s *verifying.Service) {
	l.VerifierServiceServer = s
	l.there.Store(s)
}

// able tells whether presentations can be decided now.
func (l *lateVerifier) able() error {
	s := l.there.Load()
	if s == nil {
		return errors.New("the verifier waits for the ledger")
	}
	return s.Ready()
}

// refuse refuses a call of the verifier's while it is not there.
func (l *lateVerifier) refuse(method string) error {
	if l.there.Load() != nil || !strings.HasPrefix(method, "/"+zkconsentv1.VerifierService_ServiceDesc.ServiceName+"/") {
		return nil
	}
	return refusal.Later(codes.Unavailable, refusal.NotReady, time.Second, "the verifier has not reached the ledger yet: call again later")
}

func (l *lateVerifier) unary(ctx context.Context, request any, i *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := l.refuse(i.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, request)
}

func (l *lateVerifier) stream(service any, s grpc.ServerStream, i *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := l.refuse(i.FullMethod); err != nil {
		return err
	}
	return next(service, s)
}
