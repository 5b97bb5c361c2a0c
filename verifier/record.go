package verifier

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

// A Record is the evidence of one accepted presentation: everything that
// [Recheck] needs besides the genesis and the verifying keys.
//
// It shows what was asked, that a holder signed and proved it, and that the
// epoch was the ledger's. The second of the verdict is the verifier's own word,
// within what the head's time allows; so is that no withdrawal matched then.
// Whether one matches today is what Standing tells.
type Record struct {
	Request      []byte // signed-request message
	Presentation []byte
	Head         directory.Head // the head at the time of the verdict
	Directory    []byte         // directory message of that head
	Epoch        directory.Epoch
	EpochPath    [][]byte         // RFC 6962 inclusion of Epoch under Head
	Successor    *directory.Epoch // what replaced Epoch; nil when it was the newest
	SuccessPath  [][]byte         // inclusion of Successor
	Verdict      Verdict
}

// Bounds of a record.
const (
	// MaxRecord bounds a record's message.
	MaxRecord = consent.MaxRequest + directory.MaxEncodedHead + directory.MaxEncoded + 64<<10
	maxPath   = 64
)

// record puts the evidence together.
func (s *sight) record(ctx context.Context, asked *consent.SignedRequest, p *consent.Presentation, verdict Verdict) ([]byte, error) {
	epoch, successor, ok := s.epoch(p.Epoch)
	if !ok {
		return nil, fmt.Errorf("verifier: no epoch %d", p.Epoch)
	}
	r := Record{
		Request: asked.Encode(), Presentation: p.Encode(), Head: *s.head, Directory: s.dir.Encode(),
		Epoch: epoch, Successor: successor, Verdict: verdict,
	}
	var err error
	if r.EpochPath, err = s.inclusion(ctx, epoch.Number); err != nil {
		return nil, err
	}
	if successor != nil {
		if r.SuccessPath, err = s.inclusion(ctx, successor.Number); err != nil {
			return nil, err
		}
	}
	b := r.Encode()
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("verifier: a record of %d bytes, at most %d are kept", len(b), MaxRecord)
	}
	return b, nil
}

// Encode is the record's message of kind "record".
func (r *Record) Encode() []byte {
	e := tlv.NewEncoder("record")
	e.Bytes(1, r.Request)
	e.Bytes(2, r.Presentation)
	e.Bytes(3, r.Head.Encode())
	e.Bytes(4, r.Directory)
	e.Bytes(5, r.Epoch.Encode())
	encodePath(e, 6, r.EpochPath)
	if r.Successor == nil {
		e.Bytes(7, nil)
	} else {
		e.Bytes(7, r.Successor.Encode())
	}
	encodePath(e, 8, r.SuccessPath)
	e.Bytes(9, r.Verdict.encode())
	return e.Encoded()
}

// DecodeRecord reads a record message. It is well-formed then; whether it is
// true is for Recheck.
func DecodeRecord(b []byte) (*Record, error) {
	d := tlv.NewDecoder("record", b, MaxRecord)
	r := &Record{}
	r.Request = d.Bytes(1, "request", 1, consent.MaxRequest+1024)
	r.Presentation = d.Bytes(2, "presentation", 1, consent.MaxPresentation)
	head := d.Bytes(3, "head", 1, directory.MaxEncodedHead)
	r.Directory = d.Bytes(4, "directory", 1, directory.MaxEncoded)
	epoch := d.Bytes(5, "epoch", directory.EpochSize, directory.EpochSize)
	r.EpochPath = decodePath(d, 6, "epoch path")
	successor := d.Bytes(7, "successor", 0, directory.EpochSize)
	r.SuccessPath = decodePath(d, 8, "successor path")
	verdict := d.Bytes(9, "verdict", 1, maxVerdict)
	if err := d.Done(); err != nil {
		return nil, err
	}
	h, err := directory.DecodeHead(head)
	if err != nil {
		return nil, fmt.Errorf("record: head: %w", err)
	}
	r.Head = *h
	if r.Epoch, err = directory.DecodeEpoch(epoch); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(successor) > 0 {
		s, err := directory.DecodeEpoch(successor)
		if err != nil {
			return nil, fmt.Errorf("record: successor: %w", err)
		}
		r.Successor = &s
	} else if len(r.SuccessPath) > 0 {
		return nil, &tlv.Error{Message: "record", Field: "successor path", Reason: "a path without a successor"}
	}
	if r.Verdict, err = decodeVerdict(verdict); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

func encodePath(e *tlv.Encoder, tag uint8, path [][]byte) {
	e.List(tag, len(path), func(i int, e *tlv.Encoder) { e.Bytes(1, path[i]) })
}

func decodePath(d *tlv.Decoder, tag uint8, name string) (path [][]byte) {
	d.List(tag, name, maxPath, func(_ int, d *tlv.Decoder) {
		path = append(path, d.Bytes(1, "node", sha256.Size, sha256.Size))
	})
	return path
}
