// Package benchmarks measures the product and prints what the documents quote:
// `make figures`, `make figures-ledger`, `make figures-services`. Each figure
// stands beside one of the same run that depends on the machine alone, so that
// runs on different machines can be compared. Its faults (`make test-services`)
// take from whole processes what they need.
package benchmarks
