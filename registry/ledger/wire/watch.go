package wire

import (
	"bytes"
	"context"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	// maxWatchers bounds the feeds that a node serves at once. It is less than
	// the streams of one connection, so that one caller's feeds leave room for
	// its other calls.
	maxWatchers = 32
	// watchersEach bounds those of one neighbourhood.
	watchersEach = 8
	// watchInterval is how often a feed looks for a new block.
	watchInterval = 500 * time.Millisecond
)

// WatchWithdrawals sends withdrawals as they are committed.
func (s *Service) WatchWithdrawals(r *zkconsentv1.WatchWithdrawalsRequest, stream grpc.ServerStreamingServer[zkconsentv1.WatchWithdrawalsResponse]) error {
	from := shares.Caller(stream.Context())
	if !s.watchers.Take(from) {
		return refusal.Later(codes.ResourceExhausted, refusal.Busy, askAgain, "the node serves as many feeds as it can; poll the log instead")
	}
	defer s.watchers.Give(from)
	ctx, next, last := stream.Context(), r.From, []byte(nil)
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		b, err := s.source.Checkpoint(ctx)
		if err != nil {
			return fault(err)
		}
		if !bytes.Equal(b, last) {
			last = b
			if next, err = s.sendUpTo(stream, next, b); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fault(ctx.Err())
		case <-tick.C:
		}
	}
}

// sendUpTo sends the entries that a checkpoint signs, and then the checkpoint.
func (s *Service) sendUpTo(stream grpc.ServerStreamingServer[zkconsentv1.WatchWithdrawalsResponse], next uint64, checkpoint []byte) (uint64, error) {
	h, err := directory.DecodeHead(checkpoint)
	if err != nil {
		return next, broken()
	}
	count := h.State.Withdrawals.Count
	if next > count {
		return next, fault(light.ErrRange)
	}
	for next < count {
		entries, err := s.source.Log(stream.Context(), journal.Withdrawals, next, int(min(MaxRange, count-next)))
		if err != nil {
			return next, fault(err)
		}
		if len(entries) == 0 {
			return next, fault(light.ErrRange)
		}
		if err := stream.Send(&zkconsentv1.WatchWithdrawalsResponse{Position: next, Entries: entries}); err != nil {
			return next, err
		}
		next += uint64(len(entries))
	}
	return next, stream.Send(&zkconsentv1.WatchWithdrawalsResponse{Position: next, Checkpoint: checkpoint})
}

// WatchWithdrawals calls ring whenever the node says that there is a newer
// checkpoint, until ctx ends or the node ends the call. What the node sends
// along is not handed on: light.Client.Watch verifies it from the log.
func (r *Remote) WatchWithdrawals(ctx context.Context, from uint64, ring func()) error {
	stream, err := r.api.WatchWithdrawals(ctx, &zkconsentv1.WatchWithdrawalsRequest{From: from})
	if err != nil {
		return failed(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return failed(err)
		}
		if len(m.Checkpoint) > 0 {
			ring()
		}
	}
}
