// Package issuer is the side of a hospital or an insurer that attests
// attributes: it enrols holders, issues credentials onto the ledger, and
// revokes them (docs/spec.md §§4.2 to 4.4).
//
// Its register, a SQLite file, knows which person has which holder. An enrol
// request ([Issuer.CreateEnrolRequest]) is for one person who stands before the
// issuer; the answer ([Issuer.Enrol]) proves that the wallet holds its keys.
// [Issuer.Issue] then commits a credential and returns the offer.
//
// Whatever is to be sent to the ledger is in the register before, and
// [Issuer.Resume] sends again what may not have arrived: the ledger refuses a
// lock or a commitment that it has, and such a refusal means that it is done.
//
// # Caveats
//
// One process has a register open at a time. Two registers that serve one
// authority would give one person two live holders; issuers that share people
// share one register.
//
// That a person is who they say is the issuer's own business and not checked
// here. The register ties persons to pseudonyms in the issuer's own scope: it
// is as private as a patient file. Attributes stay in it only until the offer
// was delivered.
package issuer
