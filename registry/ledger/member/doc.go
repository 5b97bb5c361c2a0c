// Package member describes the organisations that run a ledger to each other
// before it exists: cards, from which one of them makes the genesis, and the
// addresses under which nodes reach each other (docs/spec.md §6.1).
//
// # Caveats
//
// A card proves that whoever wrote it holds the keys in it, and nothing about
// who that is: members compare the genesis hash by another way, such as the
// telephone, before they start.
package member
