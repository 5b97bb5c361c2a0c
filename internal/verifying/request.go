package verifying

import (
	"context"
	"encoding/hex"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc/codes"
)

// CreateRequest makes a request from a policy. With an idempotency key it is
// the caller's one request under that key, returned as it was made as long as
// it is kept, even if it has expired: a caller that means a new request draws
// a new key.
func (s *Service) CreateRequest(ctx context.Context, r *zkconsentv1.CreateRequestRequest) (*zkconsentv1.CreateRequestResponse, error) {
	p, ok := s.c.Policies.Find(r.Policy)
	if !ok {
		return nil, refusal.New(codes.NotFound, refusal.Unknown, "this verifier has no policy of this name")
	}
	if err := s.permitted(p, r); err != nil {
		return nil, err
	}
	template := func(now time.Time) (consent.Request, error) {
		t, err := p.Template(now)
		if r.Context != "" {
			t.Context = r.Context
		}
		if r.ReturnAddress != "" {
			t.Return = r.ReturnAddress
		}
		return t, err
	}
	var made *consent.SignedRequest
	var err error
	by := identity.From(ctx).Name
	if r.IdempotencyKey != "" {
		made, err = s.c.Verifier.CreateOnce(ctx, verifier.Intent{Owner: by, Key: r.IdempotencyKey}, template)
	} else {
		made, err = s.c.Verifier.Create(ctx, template)
	}
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	s.c.Log.InfoContext(ctx, "request made", "policy", r.Policy, "by", by)
	return &zkconsentv1.CreateRequestResponse{
		Id: hex.EncodeToString(made.Request.ID[:]), SignedRequest: made.Encode(), Expires: int64(made.Request.Expires),
	}, nil
}

// GetRequest returns a request to whoever has its id.
func (s *Service) GetRequest(ctx context.Context, r *zkconsentv1.GetRequestRequest) (*zkconsentv1.GetRequestResponse, error) {
	id, err := parseID("id", r.Id)
	if err != nil {
		return nil, err
	}
	signed, err := s.c.Verifier.Request(ctx, id)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	return &zkconsentv1.GetRequestResponse{SignedRequest: signed}, nil
}

// parseID reads the id of a request: 32 lower-case hexadecimal digits.
func parseID(field, s string) (id [16]byte, err error) {
	if n, err := hex.Decode(id[:], []byte(s[:min(len(s), 32)])); err != nil || n != len(id) || hex.EncodeToString(id[:]) != s {
		return [16]byte{}, refusal.Field(field, "is not 32 lower-case hexadecimal digits")
	}
	return id, nil
}
