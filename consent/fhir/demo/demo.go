// Package demo holds the FHIR R4 documents of the demonstration: an invented
// patient of https://hospital.example.org, insured by
// https://insurer.example.org, with a consent for that insurer and for
// https://research.example.org.
package demo

import _ "embed"

// The documents.
var (
	//go:embed consent.json
	Consent []byte
	//go:embed patient.json
	Patient []byte
	//go:embed coverage.json
	Coverage []byte
	//go:embed condition-e11.json
	Condition []byte
	//go:embed observation-hba1c.json
	Observation []byte
)

// The organisations, as the documents reference them.
const (
	Hospital = "https://hospital.example.org"
	Insurer  = "https://insurer.example.org"
	Research = "https://research.example.org"
)
