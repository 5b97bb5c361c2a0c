// Package wire carries a node's answers between processes: [Service] serves
// them as gRPC, with a REST face made from the same definition, and [NewRemote]
// gives a client the same light.Source that a node in its own process is
// (docs/spec.md §8).
//
// # Caveats
//
// Nothing here is trusted. A light client checks every answer against the
// genesis, whoever carried it.
package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/shares"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrUnreachable reports a node that does not answer.
var ErrUnreachable = errors.New("wire: the ledger node cannot be reached")

// MaxRange is the greatest number of log entries in one answer.
const MaxRange = 4096

// maxAnswer bounds an answer in bytes. The largest is the genesis, with the
// whole directory in it; MaxRange entries and their frames are smaller.
const maxAnswer = directory.MaxEncodedGenesis + 1<<10

// Service answers for a node.
type Service struct {
	zkconsentv1.UnimplementedRegistryServiceServer
	source   light.Source
	genesis  []byte
	watchers *shares.Places // one for each feed that is served
	aloud    aloud
}

// NewService returns the service of a source and its genesis message.
func NewService(source light.Source, genesis []byte) *Service {
	return &Service{source: source, genesis: genesis, watchers: shares.New(maxWatchers, watchersEach)}
}

// GetCheckpoint returns the newest checkpoint.
func (s *Service) GetCheckpoint(ctx context.Context, _ *zkconsentv1.GetCheckpointRequest) (*zkconsentv1.GetCheckpointResponse, error) {
	b, err := s.source.Checkpoint(ctx)
	if err != nil {
		return nil, fault(err)
	}
	mutable(ctx, b)
	return &zkconsentv1.GetCheckpointResponse{Checkpoint: b}, nil
}

// GetDirectory returns the directory.
func (s *Service) GetDirectory(ctx context.Context, _ *zkconsentv1.GetDirectoryRequest) (*zkconsentv1.GetDirectoryResponse, error) {
	b, err := s.source.Directory(ctx)
	if err != nil {
		return nil, fault(err)
	}
	mutable(ctx, b)
	return &zkconsentv1.GetDirectoryResponse{Directory: b}, nil
}

// GetGenesis returns the genesis.
func (s *Service) GetGenesis(ctx context.Context, _ *zkconsentv1.GetGenesisRequest) (*zkconsentv1.GetGenesisResponse, error) {
	immutable(ctx, s.genesis)
	return &zkconsentv1.GetGenesisResponse{Genesis: s.genesis}, nil
}

// GetLog returns a range of a log.
func (s *Service) GetLog(ctx context.Context, r *zkconsentv1.GetLogRequest) (*zkconsentv1.GetLogResponse, error) {
	kind, ok := kinds[r.Kind]
	if !ok {
		return nil, refusal.Field("kind", "name RECORDS, WITHDRAWALS, EPOCHS, SPENDS or AUDITS")
	}
	entries, err := s.source.Log(ctx, kind, r.From, page(r.Max))
	if err != nil {
		return nil, fault(err)
	}
	answer := &zkconsentv1.GetLogResponse{Entries: entries}
	if r.From%MaxRange == 0 && len(entries) == MaxRange { // a whole page
		immutable(ctx, entries...)
		return answer, nil
	}
	mutable(ctx, entries...)
	return answer, nil
}

// GetHeader returns the light block of a height, where the source is a node.
func (s *Service) GetHeader(ctx context.Context, r *zkconsentv1.GetHeaderRequest) (*zkconsentv1.GetHeaderResponse, error) {
	headers, ok := s.source.(light.HeaderSource)
	if !ok {
		return nil, refusal.New(codes.Unimplemented, refusal.NotServed, "this service hands out no headers")
	}
	b, err := headers.Header(ctx, r.Height)
	if err != nil {
		return nil, fault(err)
	}
	return &zkconsentv1.GetHeaderResponse{LightBlock: b}, nil
}

// Submit hands in a transaction and waits for its block.
func (s *Service) Submit(ctx context.Context, r *zkconsentv1.SubmitRequest) (*zkconsentv1.SubmitResponse, error) {
	if len(r.Transaction) > transaction.MaxEncoded {
		return nil, refusal.Field("transaction", "%d bytes, at most %d are allowed", len(r.Transaction), transaction.MaxEncoded)
	}
	b, err := s.source.Submit(ctx, r.Transaction)
	if err != nil {
		return nil, fault(err)
	}
	result, err := transaction.DecodeResult(b)
	if err != nil {
		return nil, broken()
	}
	out := &zkconsentv1.SubmitResponse{Height: result.Height, Code: uint32(result.Code), Result: b}
	for _, c := range result.Items {
		out.ItemCodes = append(out.ItemCodes, uint32(c))
	}
	return out, nil
}

// GetTrail returns light blocks around changes of validators.
func (s *Service) GetTrail(ctx context.Context, r *zkconsentv1.GetTrailRequest) (*zkconsentv1.GetTrailResponse, error) {
	links, err := s.source.Trail(ctx, r.Above)
	if err != nil {
		return nil, fault(err)
	}
	return &zkconsentv1.GetTrailResponse{LightBlocks: links}, nil
}

var kinds = map[zkconsentv1.GetLogRequest_Kind]journal.Kind{
	zkconsentv1.GetLogRequest_RECORDS:     journal.Records,
	zkconsentv1.GetLogRequest_WITHDRAWALS: journal.Withdrawals,
	zkconsentv1.GetLogRequest_EPOCHS:      journal.Epochs,
	zkconsentv1.GetLogRequest_SPENDS:      journal.Spends,
	zkconsentv1.GetLogRequest_AUDITS:      journal.Audits,
}

// Name is the node's address.
func (r *Remote) Name() string { return r.conn.Name() }

// Close ends the connection.
func (r *Remote) Close() error { return r.conn.Close() }

// The times that a client waits.
const (
	readTimeout   = 20 * time.Second
	submitTimeout = 60 * time.Second
)

// Checkpoint returns the node's newest checkpoint message.
func (r *Remote) Checkpoint(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetCheckpoint(ctx, &zkconsentv1.GetCheckpointRequest{})
	return out.GetCheckpoint(), failed(err)
}

// Directory returns the node's directory message.
func (r *Remote) Directory(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetDirectory(ctx, &zkconsentv1.GetDirectoryRequest{})
	return out.GetDirectory(), failed(err)
}

// Log returns a range of a log.
func (r *Remote) Log(ctx context.Context, k journal.Kind, from uint64, max int) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	request := &zkconsentv1.GetLogRequest{From: from, Max: uint32(min(max, MaxRange))}
	for wire, kind := range kinds {
		if kind == k {
			request.Kind = wire
		}
	}
	out, err := r.api.GetLog(ctx, request)
	return out.GetEntries(), failed(err)
}

// Trail returns light blocks around changes of validators.
func (r *Remote) Trail(ctx context.Context, above uint64) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetTrail(ctx, &zkconsentv1.GetTrailRequest{Above: above})
	return out.GetLightBlocks(), failed(err)
}

// Header returns the light block of a height.
func (r *Remote) Header(ctx context.Context, height uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetHeader(ctx, &zkconsentv1.GetHeaderRequest{Height: height})
	return out.GetLightBlock(), failed(err)
}

// Submit hands in a transaction and returns its result message. An error that
// wraps light.ErrUnknownOutcome leaves open whether it will be executed; the
// same bytes may be sent again.
func (r *Remote) Submit(ctx context.Context, tx []byte) ([]byte, error) {
	if len(tx) > transaction.MaxEncoded {
		return nil, fmt.Errorf("wire: a transaction of %d bytes, at most %d are allowed", len(tx), transaction.MaxEncoded)
	}
	ctx, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	out, err := r.api.Submit(ctx, &zkconsentv1.SubmitRequest{Transaction: tx})
	switch status.Code(err) {
	case codes.OK:
	case codes.InvalidArgument: // refused as it came
	case codes.ResourceExhausted:
		return nil, fmt.Errorf("%w: %w", light.ErrBusy, failed(err))
	default:
		return nil, fmt.Errorf("%w: %w", light.ErrUnknownOutcome, failed(err))
	}
	return out.GetResult(), failed(err)
}

// Genesis returns the node's genesis message. A client that has no genesis
// from a source it trusts learns from this only what the node wants it to.
func (r *Remote) Genesis(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := r.api.GetGenesis(ctx, &zkconsentv1.GetGenesisRequest{})
	return out.GetGenesis(), failed(err)
}

// failed turns an error of a call into one of a light.Source. The node's own
// words are quoted: they go to a terminal, and the node is not trusted.
func failed(err error) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		return fmt.Errorf("%w: %q", ErrUnreachable, s.Message())
	case codes.Canceled:
		return fmt.Errorf("wire: %w", context.Canceled)
	case codes.OutOfRange:
		return fmt.Errorf("%w: %q", light.ErrRange, s.Message())
	case codes.Aborted:
		return fmt.Errorf("%w: %q", light.ErrReplaced, s.Message())
	}
	return fmt.Errorf("wire: the node refused: %q", s.Message())
}
