// Package fhir reads HL7 FHIR R4 documents: Consents become grants, and
// Patients, Coverages, Conditions and Observations become the attributes of a
// credential (docs/spec.md §11.4, §11.5).
//
// FHIR gives no algorithm for its tree of provisions. The rule here is ours:
// deny unless permitted, a nested permit only narrows its parent, a deny beats
// every permit of the same patient, and what is unknown, ambiguous or beyond
// what a grant can express is refused with the path of the element. A document
// never compiles to more than it says.
//
// Documents are read by a small reader of our own, not by a FHIR library: it
// must know the path of every element that it refuses, see duplicate keys and
// elements that it does not know, and be bounded. Libraries of generated
// structures (github.com/gofhir/models/r4) drop unknown elements silently, and
// an unknown element may be the one that narrows a consent; complete ones
// (github.com/google/fhir/go) are many times the size of this project and bring
// protocol buffers for all of FHIR.
//
// # Caveats
//
// Where a document is silent about the base decision, the recipients, the
// purposes or the categories, [Compile] refuses it unless the caller states
// them in [Options]. Who states them answers for them: show the grants and
// their notes to the patient before anything is committed.
//
// An import trusts the document. Check its origin and signature first.
package fhir
