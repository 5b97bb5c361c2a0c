// Package benchmarks measures the product and prints what the documents quote:
// `make figures`, `make figures-ledger`. Each figure stands beside one of the same run that depends on
// the machine alone, so that runs on different machines can be compared.
package benchmarks
