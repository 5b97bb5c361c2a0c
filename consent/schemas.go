package consent

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/zkconsent/zkconsent/consent/codes"
)

//go:embed schemas/*.json
var schemaFiles embed.FS

// schemaJSON is the source form of a schema: categories by name, ranges of
// codes by the prefixes that they begin and end with, of ids by the first and
// the last.
type schemaJSON struct {
	Name    string `json:"name"`
	Version uint64 `json:"version"`
	Slots   []struct {
		Name       string `json:"name"`
		Label      string `json:"label"`
		Type       string `json:"type"`
		Unit       string `json:"unit"`
		System     string `json:"system"`
		Code       string `json:"code"`
		Fold       bool   `json:"fold"`
		Group      uint64 `json:"group"`
		Categories string `json:"categories"`
		Ranges     []struct {
			From       string `json:"from"`
			To         string `json:"to"`
			Categories string `json:"categories"`
		} `json:"ranges"`
	} `json:"slots"`
}

// ParseSchema reads the source form of a schema, as in the folder schemas, and
// validates it.
func ParseSchema(data []byte) (*Schema, error) {
	if len(data) > maxSchema {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrSchema, len(data), maxSchema)
	}
	var source schemaJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&source); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%w: trailing data", ErrSchema)
	}
	s := &Schema{Name: source.Name, Version: source.Version}
	for _, in := range source.Slots {
		slot := Slot{Name: in.Name, Label: in.Label, Unit: in.Unit, System: in.System, Code: in.Code, Fold: in.Fold, Group: in.Group}
		slot.Type = Type(max(0, slices.Index(typeNames[:], in.Type)))
		var err error
		if slot.Categories, err = codes.ParseCategories(in.Categories); err != nil {
			return nil, fmt.Errorf("%w %s: slot %s: %w", ErrSchema, s.Name, in.Name, err)
		}
		for _, r := range in.Ranges {
			var out CodeRange
			bounds := CodePrefix
			if slot.Type == ID { // identifiers have no prefixes, and another encoding
				bounds = func(s string) (lo, hi uint64, err error) {
					lo, err = EncodeID(s)
					return lo, lo, err
				}
			}
			if out.Lo, _, err = bounds(r.From); err == nil {
				if _, out.Hi, err = bounds(r.To); err == nil {
					out.Categories, err = codes.ParseCategories(r.Categories)
				}
			}
			if err != nil {
				return nil, fmt.Errorf("%w %s: slot %s: range %s: %w", ErrSchema, s.Name, in.Name, r.From, err)
			}
			slot.Ranges = append(slot.Ranges, out)
		}
		s.Slots = append(s.Slots, slot)
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if n := len(s.Encode()); n > maxSchema {
		return nil, fmt.Errorf("%w %s: its message has %d bytes, at most %d are allowed", ErrSchema, s.Name, n, maxSchema)
	}
	return s, nil
}

// The names of the built-in schemas.
const (
	CoverageSchema       = "coverage"        // insurance and who is insured
	ClinicalSchema       = "clinical"        // two ICD-10-CM diagnoses and HbA1c
	SnomedSchema         = "clinical-snomed" // three SNOMED CT diagnoses
	MeasurementsSchema   = "measurements"    // ten common observations
	builtinSchemaFolder  = "schemas/"
	builtinSchemaFileEnd = ".json"
)

var builtinSchemas = sync.OnceValue(func() []*Schema {
	var all []*Schema
	for _, name := range []string{CoverageSchema, ClinicalSchema, SnomedSchema, MeasurementsSchema} {
		data, err := schemaFiles.ReadFile(builtinSchemaFolder + name + builtinSchemaFileEnd)
		if err != nil {
			panic(fmt.Sprintf("consent: built-in schema %s: %v", name, err))
		}
		s, err := ParseSchema(data)
		if err != nil {
			panic(fmt.Sprintf("consent: built-in schema %s: %v", name, err))
		}
		all = append(all, s)
	}
	return all
})

// BuiltinSchemas returns copies of the schemas that come with the program.
func BuiltinSchemas() []*Schema {
	var out []*Schema
	for _, s := range builtinSchemas() {
		c := *s
		c.Slots = slices.Clone(s.Slots)
		out = append(out, &c)
	}
	return out
}

// BuiltinSchema returns the built-in schema with a name.
func BuiltinSchema(name string) (*Schema, bool) {
	for _, s := range BuiltinSchemas() {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}
