package light

import "fmt"

// A Lie names what a source told that is not so. It is an error, so that
// errors.Is(err, light.ForgedEntry) asks for one.
type Lie string

// The lies.
const (
	Malformed         Lie = "malformed answer"
	OtherChain        Lie = "checkpoint of another ledger"
	ForeignValidators Lie = "header of other validators"
	BadSignatures     Lie = "header without the signatures of more than two thirds of the validators"
	BrokenTrail       Lie = "trail that does not lead from one set of validators to the next"
	ForgedState       Lie = "state that its header does not sign"
	Backwards         Lie = "head older than one that was verified before"
	Fork              Lie = "head that contradicts one that was verified before"
	StaleHead         Lie = "head older than the ledger permits"
	FutureHead        Lie = "head of a time that is still to come"
	WrongDirectory    Lie = "directory that the head does not sign"
	TruncatedLog      Lie = "log shorter than the head says"
	ForgedEntry       Lie = "log entries that the head does not sign"
	ForgedRoot        Lie = "tree root that the records do not have"
	ForgedAnchor      Lie = "anchor that the logs do not continue"
	ForgedLayer       Lie = "layer of buckets that the epoch's root does not have"
	ForgedChanges     Lie = "list of changed buckets that the epoch's root does not have"
	WrongBucket       Lie = "bucket whose leaves do not have its root"
)

func (l Lie) Error() string { return "light: " + string(l) }

// A LieError is a lie with its circumstances.
type LieError struct {
	Lie    Lie
	Detail string
	Source string   // the name of the node that told it
	Shown  [][]byte // what it sent, and what contradicts it; a signature in it is a proof for anybody
}

func (e *LieError) Error() string {
	who := e.Source
	if who == "" {
		who = "the node"
	}
	return fmt.Sprintf("light: %s showed a %s: %s", who, string(e.Lie), e.Detail)
}

// Unwrap returns the lie.
func (e *LieError) Unwrap() error { return e.Lie }

func lie(l Lie, format string, args ...any) *LieError {
	return &LieError{Lie: l, Detail: fmt.Sprintf(format, args...)}
}

// showing adds what a lie was told with.
func (e *LieError) showing(what ...[]byte) *LieError {
	e.Shown = append(e.Shown, what...)
	return e
}
