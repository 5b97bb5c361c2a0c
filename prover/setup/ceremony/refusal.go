package ceremony

import "fmt"

// A Reason is why a ceremony, or a part of it, is refused.
type Reason string

// The reasons.
const (
	Malformed       Reason = "malformed"                 // not the one form of such a file; a point off its group
	WrongSize       Reason = "wrong size"                // of a payload, which the circuit fixes
	WrongPayload    Reason = "another payload"           // than the one that the contributor signed
	ForeignCeremony Reason = "another ceremony"          // the file is of another one
	WrongPhase      Reason = "another phase"             // the file is of the other one
	OutOfOrder      Reason = "out of order"              // a number that is not the place: replayed, exchanged
	NotChained      Reason = "not chained"               // it names another predecessor than stands before it
	Missing         Reason = "missing"                   // a file that others need
	Unexpected      Reason = "unexpected file"           // one that no ceremony has
	BadSignature    Reason = "bad signature"             // not the named key's
	NotAllowed      Reason = "not allowed"               // a key that the ceremony does not list
	NoContribution  Reason = "zero contribution"         // everything becomes the point at infinity
	NoChange        Reason = "contribution of one"       // nothing changes: everybody knows what was mixed in
	OtherBase       Reason = "made from something else"  // the payload does not build on the one before it
	BadUpdate       Reason = "wrong update"              // the payload is not what its proof says
	Degenerate      Reason = "degenerate parameters"     // δ = γ, or τ, α, β or δ is 1
	TooFew          Reason = "too few contributors"      // distinct keys in a phase
	NotSealed       Reason = "not sealed"                // the phase is open
	Sealed          Reason = "sealed"                    // the phase is closed
	WrongSeal       Reason = "wrong seal"                // it seals other contributions than stand before it
	UsedBeacon      Reason = "used beacon"               // known before the second phase began
	OtherSystem     Reason = "another constraint system" // than this program's
	OtherPowers     Reason = "other powers"              // another file of powers than pinned, or one too small
	OtherKeys       Reason = "other keys"                // a manifest that the transcript does not produce
)

// A Refusal says what is refused, where and why.
type Refusal struct {
	Reason Reason
	Where  string // the file, below the ceremony's folder, or the circuit
	Detail string
}

func (e *Refusal) Error() string {
	return fmt.Sprintf("ceremony: %s: %s: %s", e.Where, e.Reason, e.Detail)
}

// NoCeremony reports whether there was none to refuse: the folder has no
// description of one.
func (e *Refusal) NoCeremony() bool { return e.Reason == Missing && e.Where == descriptionFile }

func refuse(why Reason, where, format string, args ...any) error {
	return &Refusal{why, where, fmt.Sprintf(format, args...)}
}
