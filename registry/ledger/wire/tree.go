package wire

import (
	"context"
	"fmt"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/registry/journal"
	"google.golang.org/grpc"
)

// maxChanges bounds the changes of one epoch in bytes: every bucket there is.
const maxChanges = journal.Buckets*journal.ChangeSize + 1<<10

// GetLayer returns roots of buckets of the newest epoch.
func (s *Service) GetLayer(ctx context.Context, r *zkconsentv1.GetLayerRequest) (*zkconsentv1.GetLayerResponse, error) {
	b, err := s.source.Layer(ctx, r.From, page(r.Max))
	if err != nil {
		return nil, fault(err)
	}
	mutable(ctx, b)
	return &zkconsentv1.GetLayerResponse{Roots: b}, nil
}

// GetChanges returns the buckets that an epoch changed.
func (s *Service) GetChanges(ctx context.Context, r *zkconsentv1.GetChangesRequest) (*zkconsentv1.GetChangesResponse, error) {
	b, err := s.source.Changes(ctx, r.Epoch)
	if err != nil {
		return nil, fault(err)
	}
	immutable(ctx, b)
	return &zkconsentv1.GetChangesResponse{Changes: b}, nil
}

// GetBucket returns the leaves of a bucket.
func (s *Service) GetBucket(ctx context.Context, r *zkconsentv1.GetBucketRequest) (*zkconsentv1.GetBucketResponse, error) {
	if len(r.Root) != 32 {
		return nil, refusal.Field("root", "%d bytes, not 32", len(r.Root))
	}
	b, err := s.source.Bucket(ctx, uint64(r.Bucket), [32]byte(r.Root))
	if err != nil {
		return nil, fault(err)
	}
	immutable(ctx, b)
	return &zkconsentv1.GetBucketResponse{Leaves: b}, nil
}

// GetAnchor returns an epoch's anchor.
func (s *Service) GetAnchor(ctx context.Context, r *zkconsentv1.GetAnchorRequest) (*zkconsentv1.GetAnchorResponse, error) {
	b, err := s.source.Anchor(ctx, r.Epoch)
	if err != nil {
		return nil, fault(err)
	}
	immutable(ctx, b)
	return &zkconsentv1.GetAnchorResponse{Anchor: b}, nil
}

// page is how many entries or roots one answer has.
func page(asked uint32) int {
	if asked == 0 {
		return MaxRange
	}
	return int(min(asked, MaxRange))
}

// Layer returns roots of buckets of the newest epoch.
func (r *Remote) Layer(ctx context.Context, from uint64, max int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetLayer(ctx, &zkconsentv1.GetLayerRequest{From: from, Max: uint32(min(max, MaxRange))})
	return out.GetRoots(), failed(err)
}

// Changes returns the buckets that an epoch changed.
func (r *Remote) Changes(ctx context.Context, epoch uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetChanges(ctx, &zkconsentv1.GetChangesRequest{Epoch: epoch}, grpc.MaxCallRecvMsgSize(maxChanges))
	return out.GetChanges(), failed(err)
}

// Bucket returns the leaves of a bucket, or light.ErrReplaced.
func (r *Remote) Bucket(ctx context.Context, number uint64, root [32]byte) ([]byte, error) {
	if number >= journal.Buckets {
		return nil, fmt.Errorf("wire: bucket %d is beyond the tree", number)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetBucket(ctx, &zkconsentv1.GetBucketRequest{Bucket: uint32(number), Root: root[:]})
	return out.GetLeaves(), failed(err)
}

// Anchor returns an epoch's anchor message.
func (r *Remote) Anchor(ctx context.Context, epoch uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetAnchor(ctx, &zkconsentv1.GetAnchorRequest{Epoch: epoch})
	return out.GetAnchor(), failed(err)
}
