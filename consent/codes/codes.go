// Package codes holds the code tables of consents (docs/spec.md §11.2).
package codes

// Purposes is a set of purposes of use, bit by bit as in the purposes table.
type Purposes uint64

// Restrictions is a set of GA4GH DUO modifiers, bit by bit.
type Restrictions uint32

// Categories is a set of record categories and HL7 sensitivity codes.
type Categories uint64
