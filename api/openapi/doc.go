package openapi

import "encoding/json"

// What the page reads of the document.
type doc struct {
	Info struct {
		Title, Version, Description string
	}
	Tags        []struct{ Name, Description string }
	Paths       map[string]map[string]operation
	Definitions map[string]schema
	Security    map[string]struct{ Description string } `json:"securityDefinitions"`
	Reasons     []reason                                `json:"x-reasons"`
}

// A reason is what a refusal tells programs.
type reason struct{ Reason, Meaning string }

type operation struct {
	ID          string `json:"operationId"`
	Method      string `json:"x-method"`
	Order       int    `json:"x-order"`
	Summary     string
	Description string
	Tags        []string
	Parameters  []parameter
	Responses   map[string]struct {
		Description string
		Schema      schema
	}
}

type parameter struct {
	schema
	Name     string
	In       string
	Required bool
	Schema   *schema // of a body
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        string
	Format      string
	Title       string
	Description string
	Enum        []string
	Pattern     string
	Items       *schema
	Properties  map[string]schema
	Required    []string // of the properties
	Order       []string `json:"x-order"` // of the properties

	Minimum  *json.Number
	Maximum  *json.Number
	MinItems *int
	MaxItems *int
	MinBytes *int   `json:"x-min-bytes"`
	MaxBytes *int   `json:"x-max-bytes"`
	Lowest   string `json:"x-minimum"`
	Highest  string `json:"x-maximum"`
}
