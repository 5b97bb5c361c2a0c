package fhir

import (
	"errors"
	"fmt"
)

// The kinds of refusals.
var (
	ErrMalformed   = errors.New("malformed document")
	ErrUnknown     = errors.New("unknown element or code")
	ErrAmbiguous   = errors.New("ambiguous")
	ErrUnstated    = errors.New("not stated by the document")
	ErrUnsupported = errors.New("not expressible in version 1")
	ErrMissing     = errors.New("missing element")
	ErrValue       = errors.New("unusable value")
	ErrMismatch    = errors.New("documents do not belong together")
)

// An Error refuses a document: where, of what kind and why.
type Error struct {
	Path   string // such as Consent.provision.provision[1].purpose[0]
	Kind   error  // one of the kinds above
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v: %s", e.Path, e.Kind, e.Reason) }

func (e *Error) Unwrap() error { return e.Kind }

// A Note tells what an import assumed or left out, for whoever checks it.
type Note struct {
	Path string
	Text string
}

func (n Note) String() string { return n.Path + ": " + n.Text }
