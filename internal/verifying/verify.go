package verifying

import (
	"context"
	"encoding/hex"
	"sync"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier"
)

// MaxBatch bounds the presentations of one batch.
const MaxBatch = 256

// Verify decides a presentation. What cannot be decided is refused as
// UNAVAILABLE and has no verdict.
func (s *Service) Verify(ctx context.Context, r *zkconsentv1.VerifyRequest) (*zkconsentv1.VerifyResponse, error) {
	user := identity.From(ctx).Name
	if !s.calls.take(user) {
		return nil, busy("presentations")
	}
	defer s.calls.release(user)
	v, err := s.c.Verifier.Verify(ctx, r.Presentation)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	return &zkconsentv1.VerifyResponse{Verdict: verdict(&v)}, nil
}

// VerifyBatch decides several presentations, as many at a time as the machine
// has use for, and returns their verdicts in order. One that cannot be decided
// is denied as undecided or stale-head; when the call is over, so is the batch.
func (s *Service) VerifyBatch(ctx context.Context, r *zkconsentv1.VerifyBatchRequest) (*zkconsentv1.VerifyBatchResponse, error) {
	if n := len(r.Presentations); n == 0 || n > MaxBatch {
		return nil, refusal.Field("presentations", "%d of them, 1 to %d are allowed", n, MaxBatch)
	}
	user := identity.From(ctx).Name
	if !s.calls.take(user) {
		return nil, busy("presentations")
	}
	defer s.calls.release(user)
	out := make([]*zkconsentv1.Verdict, len(r.Presentations))
	next := make(chan int)
	var group sync.WaitGroup
	for range min(cap(s.cores), len(out)) {
		group.Go(func() {
			for i := range next {
				out[i] = s.one(ctx, r.Presentations[i])
			}
		})
	}
	for i := 0; i < len(out) && ctx.Err() == nil && s.over.Err() == nil; i++ {
		next <- i
	}
	close(next)
	group.Wait()
	if ctx.Err() != nil || s.over.Err() != nil {
		return nil, s.refuse(ctx, ctx.Err())
	}
	return &zkconsentv1.VerifyBatchResponse{Verdicts: out}, nil
}

// one decides a presentation of a batch. All batches share the places.
func (s *Service) one(ctx context.Context, presentation []byte) *zkconsentv1.Verdict {
	select {
	case s.cores <- struct{}{}:
		defer func() { <-s.cores }()
	case <-ctx.Done():
		return nil
	case <-s.over.Done():
		return nil
	}
	v, err := s.c.Verifier.Verify(ctx, presentation)
	if err != nil {
		_ = s.refuse(ctx, err) // for the log; the verdict says that there is none
	}
	return verdict(&v)
}

// GetVerdict returns the verdict on the accepted answer to a request, and its
// record.
func (s *Service) GetVerdict(ctx context.Context, r *zkconsentv1.GetVerdictRequest) (*zkconsentv1.GetVerdictResponse, error) {
	id, err := parseID("request", r.Request)
	if err != nil {
		return nil, err
	}
	v, record, err := s.c.Verifier.Evidence(ctx, id)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	// The digest names the answer to who has it, and opens nothing to others.
	s.c.Log.InfoContext(ctx, "verdict read", "digest", hex.EncodeToString(v.Digest[:]), "by", identity.From(ctx).Name)
	return &zkconsentv1.GetVerdictResponse{Verdict: verdict(&v), Record: record}, nil
}

// verdict is a verdict as it travels. What a denial does not have is left out.
func verdict(v *verifier.Verdict) *zkconsentv1.Verdict {
	out := &zkconsentv1.Verdict{
		Accepted: v.Accepted, Request: hex.EncodeToString(v.RequestID[:]), Digest: hex.EncodeToString(v.Digest[:]), At: int64(v.At),
	}
	if !v.Accepted {
		out.Reason = string(v.Reason)
		if out.Reason == "" {
			out.Reason = string(verifier.Undecided)
		}
		return out
	}
	out.Circuit, out.Epoch, out.Rule = string(v.Circuit), v.Epoch, string(v.Rule)
	out.Nullifier, out.Until = field.Hex(v.Nullifier), int64(v.Until)
	out.SpeaksForPerson, out.OncePer, out.ComparisonCode = v.SpeaksForPerson, v.OncePer, v.ComparisonCode
	return out
}
