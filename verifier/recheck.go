package verifier

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/presented"
)

// A Trust is what a record is checked against: files that its reader trusts.
type Trust struct {
	Genesis [32]byte
	// CheckHead verifies that the signed header of a head carries the
	// signatures of the genesis's validators, and that state, height and time
	// are that header's. The ledger's light client provides it.
	CheckHead func(*directory.Head) error
	Keys      Keys
}

// A RecordError says which part of a record does not hold.
type RecordError struct {
	Part string // request, head, directory, epoch, presentation, verdict
	Err  error
}

func (e *RecordError) Error() string { return fmt.Sprintf("record: %s: %v", e.Part, e.Err) }

// Unwrap is the reason.
func (e *RecordError) Unwrap() error { return e.Err }

func faulty(part, format string, args ...any) error {
	return &RecordError{part, fmt.Errorf(format, args...)}
}

// Recheck verifies a record from files alone: the head against the genesis,
// the directory and the epoch against the head, the request as the shared
// validator saw it then, the holder's signature and the proof, and that the
// verdict is the one that follows. It returns that verdict; with an error, the
// zero Verdict. Errors are *RecordError, or those of DecodeRecord.
func Recheck(record []byte, t Trust) (Verdict, error) {
	r, err := DecodeRecord(record)
	if err != nil {
		return Verdict{}, err
	}
	dir, err := r.recheckHead(t)
	if err != nil {
		return Verdict{}, err
	}
	asked, err := consent.DecodeSignedRequest(r.Request)
	if err != nil {
		return Verdict{}, &RecordError{"request", err}
	}
	p, err := consent.DecodePresentation(r.Presentation)
	if err != nil {
		return Verdict{}, &RecordError{"presentation", err}
	}
	at := r.Verdict.At
	if _, err := asked.Validate(consent.View{Genesis: t.Genesis, Directory: dir, Now: time.Unix(int64(at), 0)}); err != nil {
		return Verdict{}, &RecordError{"request", err}
	}
	if err := r.recheckEpoch(p, asked.Request); err != nil {
		return Verdict{}, err
	}
	if distrusted(dir, &asked.Request.Trust, r.Epoch) {
		return Verdict{}, faulty("epoch", "it may hold records that were distrusted at the time of the verdict")
	}
	if err := r.recheckPresentation(p, asked.Request, t.Keys); err != nil {
		return Verdict{}, err
	}
	want := Verdict{RequestID: p.Request, Digest: sha256.Sum256(r.Presentation), At: at}
	want.accept(asked.Request, p, dir)
	if want != r.Verdict {
		return Verdict{}, faulty("verdict", "it is not the one that follows from the record")
	}
	return want, nil
}

func (r *Record) recheckHead(t Trust) (*directory.Directory, error) {
	if t.CheckHead == nil {
		return nil, faulty("head", "nothing to check its signatures with")
	}
	if r.Head.State.Genesis != t.Genesis {
		return nil, faulty("head", "it is another ledger's")
	}
	if err := t.CheckHead(&r.Head); err != nil {
		return nil, &RecordError{"head", err}
	}
	dir, err := directory.DecodeDirectory(r.Directory)
	if err != nil {
		return nil, &RecordError{"directory", err}
	}
	if dir.Digest() != r.Head.State.Directory {
		return nil, faulty("directory", "it is not the head's")
	}
	at, head := uint64(r.Verdict.At), r.Head.Time
	if skew := uint64(consent.ClockSkew / time.Second); head > at+skew || at > head && at-head > dir.Parameters.MaxHeadAge {
		return nil, faulty("head", "it was not fresh at the time of the verdict")
	}
	return dir, nil
}

func (r *Record) recheckEpoch(p *consent.Presentation, asked *consent.Request) error {
	log := r.Head.State.Epochs
	if r.Epoch.Number != p.Epoch {
		return faulty("epoch", "the presentation names another one")
	}
	if err := checkInclusion(r.Epoch.Encode(), r.Epoch.Number, log.Count, r.EpochPath, log.Root); err != nil {
		return &RecordError{"epoch", err}
	}
	if (r.Successor == nil) != (r.Epoch.Number+1 == log.Count) {
		return faulty("epoch", "the record does not say when it was replaced")
	}
	if r.Successor == nil {
		return nil
	}
	if r.Successor.Number != r.Epoch.Number+1 {
		return faulty("epoch", "what should be its successor is not")
	}
	if err := checkInclusion(r.Successor.Encode(), r.Successor.Number, log.Count, r.SuccessPath, log.Root); err != nil {
		return &RecordError{"epoch", err}
	}
	if aged(r.Successor, r.Verdict.At, asked.MaxRootAge) {
		return faulty("epoch", "it was too old at the time of the verdict")
	}
	return nil
}

func (r *Record) recheckPresentation(p *consent.Presentation, asked *consent.Request, keys Keys) error {
	if p.Request != asked.ID {
		return faulty("presentation", "it answers another request")
	}
	if err := p.Answers(asked.Circuit); err != nil {
		return &RecordError{"presentation", err}
	}
	key := keys[asked.Manifest]
	if key == nil {
		return faulty("presentation", "no verifying key for %s under manifest %x", asked.Circuit, asked.Manifest[:8])
	}
	err := presented.Check(key, presented.Shown{Rk: p.Rk, Proof: p.Proof, Signature: p.Signature},
		func(x, y fr.Element) (*consent.Statement, error) {
			return asked.Statement(consent.Presented{Epoch: p.Epoch, Root: r.Epoch.Root, Nullifier: p.Nullifier, Watch: p.Watch, Rk: p.Rk, RkX: x, RkY: y})
		})
	if err != nil {
		return &RecordError{"presentation", err}
	}
	return nil
}
