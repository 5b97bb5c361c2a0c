package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
	"google.golang.org/grpc"
)

// MaxBatch is the greatest number of presentations in one VerifyBatch.
const MaxBatch = 256

// The bounds of answers that are larger than others.
const (
	maxRequestAnswer = consent.MaxRequest + 64<<10
	maxVerdictAnswer = verifier.MaxRecord + 64<<10
)

// A Verifier is a verifier's service. Its methods may be called concurrently;
// their errors are an *[Error], or wrap [ErrAnswer].
type Verifier struct {
	conn *Conn
	api  zkconsentv1.VerifierServiceClient
}

// NewVerifier is the verifier at the other end of a connection.
func NewVerifier(c *Conn) *Verifier {
	return &Verifier{c, zkconsentv1.NewVerifierServiceClient(c)}
}

// An Asking says which request to make.
type Asking struct {
	Policy  string // name of a policy that the verifier was started with
	Context string // makes the scope in place of the policy's; empty leaves that
	Return  string // where the answer is sent in place of the policy's; empty leaves that
	// Key is the idempotency key: the same one again returns the same request.
	// It is drawn when it is empty, so that a call that is repeated makes one
	// request; a caller that may have to ask again after a crash keeps its own.
	Key string
}

// CreateRequest has the verifier make and sign a request.
func (v *Verifier) CreateRequest(ctx context.Context, a Asking) (*consent.SignedRequest, error) {
	const method = "VerifierService.CreateRequest"
	if a.Key == "" {
		a.Key = rand.Text()
	}
	out, err := v.api.CreateRequest(ctx, &zkconsentv1.CreateRequestRequest{Policy: a.Policy, Context: a.Context, ReturnAddress: a.Return, IdempotencyKey: a.Key},
		grpc.MaxCallRecvMsgSize(maxRequestAnswer))
	if err != nil {
		return nil, err
	}
	r, err := requestIn(method, out.SignedRequest, out.Id)
	switch {
	case err != nil:
		return nil, err
	case a.Context != "" && r.Request.Context != a.Context, a.Return != "" && r.Request.Return != a.Return, out.Expires != int64(r.Request.Expires):
		return nil, wrong(method, "the request is not the one that was asked for")
	}
	return r, nil
}

// requestIn reads a signed request that must have an id. Whether it is valid is
// for who answers it to check, against the ledger's directory.
func requestIn(method string, message []byte, id string) (*consent.SignedRequest, error) {
	r, err := consent.DecodeSignedRequest(message)
	if err != nil {
		return nil, wrong(method, "no signed request: %v", err)
	}
	if hex.EncodeToString(r.Request.ID[:]) != id {
		return nil, wrong(method, "another request")
	}
	return r, nil
}

// Request returns a request as a wallet would get it.
func (v *Verifier) Request(ctx context.Context, id [16]byte) (*consent.SignedRequest, error) {
	name := hex.EncodeToString(id[:])
	out, err := v.api.GetRequest(ctx, &zkconsentv1.GetRequestRequest{Id: name}, grpc.MaxCallRecvMsgSize(maxRequestAnswer))
	if err != nil {
		return nil, err
	}
	return requestIn("VerifierService.GetRequest", out.SignedRequest, name)
}

// Verify has a presentation decided. With an error there is no decision, and
// that is to be treated as a denial that may be asked again.
func (v *Verifier) Verify(ctx context.Context, presentation []byte) (verifier.Verdict, error) {
	out, err := v.api.Verify(ctx, &zkconsentv1.VerifyRequest{Presentation: presentation})
	if err != nil {
		return verifier.Verdict{Reason: verifier.Undecided}, err
	}
	return verdictOn("VerifierService.Verify", out.Verdict, presentation)
}

// VerifyBatch has at most MaxBatch presentations decided, each by itself, and
// returns the verdicts in their order. One with the reason undecided or
// stale-head is none, and may be asked again.
func (v *Verifier) VerifyBatch(ctx context.Context, presentations [][]byte) ([]verifier.Verdict, error) {
	const method = "VerifierService.VerifyBatch"
	out, err := v.api.VerifyBatch(ctx, &zkconsentv1.VerifyBatchRequest{Presentations: presentations})
	if err != nil {
		return nil, err
	}
	if len(out.Verdicts) != len(presentations) {
		return nil, wrong(method, "%d verdicts on %d presentations", len(out.Verdicts), len(presentations))
	}
	verdicts := make([]verifier.Verdict, len(presentations))
	for i, m := range out.Verdicts {
		if verdicts[i], err = verdictOn(method, m, presentations[i]); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// verdictOn reads a verdict that must be on these bytes.
func verdictOn(method string, m *zkconsentv1.Verdict, presentation []byte) (verifier.Verdict, error) {
	undecided := verifier.Verdict{Reason: verifier.Undecided}
	v, err := verdictOf(m)
	if err != nil {
		return undecided, wrong(method, "%v", err)
	}
	if v.Digest != sha256.Sum256(presentation) {
		return undecided, wrong(method, "a verdict on another presentation")
	}
	switch p, err := consent.DecodePresentation(presentation); {
	case err != nil && v.Accepted:
		return undecided, wrong(method, "what is no presentation was accepted")
	case err == nil && v.RequestID != p.Request:
		return undecided, wrong(method, "a verdict on another request")
	case v.Accepted && !of(&v, p):
		return undecided, wrong(method, "a verdict that speaks of what was not presented")
	}
	return v, nil
}

// Verdict returns the verdict on the accepted answer to a request and the
// record that is its evidence, which belongs to it. An *Error with the reason
// Unknown says that no answer was accepted.
func (v *Verifier) Verdict(ctx context.Context, id [16]byte) (verifier.Verdict, []byte, error) {
	const method = "VerifierService.GetVerdict"
	out, err := v.api.GetVerdict(ctx, &zkconsentv1.GetVerdictRequest{Request: hex.EncodeToString(id[:])}, grpc.MaxCallRecvMsgSize(maxVerdictAnswer))
	if err != nil {
		return verifier.Verdict{Reason: verifier.Undecided}, nil, err
	}
	verdict, err := verdictWith(id, out.Verdict, out.Record)
	if err != nil {
		return verifier.Verdict{Reason: verifier.Undecided}, nil, wrong(method, "%v", err)
	}
	return verdict, out.Record, nil
}
