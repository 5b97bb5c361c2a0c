package openapi

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// maxNesting bounds how deep fields of fields are shown.
const maxNesting = 4

// A view is what the page shows.
type view struct {
	Style    template.CSS
	Title    string
	Version  string
	About    []paragraph
	Identity string
	Services []service
	Refusal  message
	Reasons  []reason
}

type service struct {
	Name    string
	About   []paragraph
	Methods []method
}

type method struct {
	ID, Name   string
	Verb, Path string
	GRPC       string
	About      []paragraph
	Request    message
	Answer     message
	Stream     bool
	Refused    string
}

type message struct {
	Name   string
	Fields []field
}

type field struct {
	Name, Type, Rule, Place string
	Required                bool
	Depth                   int
	About                   []paragraph
}

// view makes the page's content from the document. Every path of the document
// is in it, under the first of its tags.
func (d *doc) view() (*view, error) {
	v := &view{Title: d.Info.Title, Version: d.Info.Version, About: paragraphs(d.Info.Description),
		Identity: d.Security["bearer"].Description, Reasons: d.Reasons}
	v.Refusal = d.message(schema{Ref: "#/definitions/rpcStatus"}, "")
	place := map[string]int{}
	for i, t := range d.Tags {
		place[t.Name] = i
		v.Services = append(v.Services, service{Name: t.Name, About: paragraphs(t.Description)})
	}
	order := map[string]int{}
	for path, verbs := range d.Paths {
		for verb, op := range verbs {
			if len(op.Tags) == 0 {
				return nil, fmt.Errorf("openapi: %s belongs to no service", path)
			}
			i, known := place[op.Tags[0]]
			if !known {
				return nil, fmt.Errorf("openapi: %s belongs to %s, which is none", path, op.Tags[0])
			}
			order[op.ID] = op.Order
			v.Services[i].Methods = append(v.Services[i].Methods, d.method(strings.ToUpper(verb), path, op))
		}
	}
	for _, s := range v.Services {
		if len(s.Methods) == 0 {
			return nil, errors.New("openapi: " + s.Name + " has no methods")
		}
		slices.SortFunc(s.Methods, func(a, b method) int {
			return cmp.Or(order[a.ID]-order[b.ID], strings.Compare(a.Path, b.Path))
		})
	}
	return v, nil
}

func (d *doc) method(verb, path string, op operation) method {
	_, name, _ := strings.Cut(op.ID, "_")
	m := method{ID: op.ID, Name: name, Verb: verb, Path: path, GRPC: op.Method,
		About: append(paragraphs(op.Summary), paragraphs(op.Description)...), Refused: op.Responses["default"].Description}
	for _, p := range op.Parameters {
		if p.Schema != nil {
			m.Request.Fields = append(m.Request.Fields, d.message(*p.Schema, "body").Fields...)
			continue
		}
		m.Request.Fields = append(m.Request.Fields, field{Name: p.Name, Type: d.kind(p.schema), Rule: d.rule(p.schema), Place: p.In,
			Required: p.Required, About: paragraphs(p.Description)})
	}
	answer := op.Responses["200"].Schema
	if result, ok := answer.Properties["result"]; ok && answer.Ref == "" {
		m.Stream, answer = true, result
	}
	m.Answer = d.message(answer, "")
	return m
}

// message lists a message's fields, and after each one that is a message its
// own, a step deeper.
func (d *doc) message(s schema, place string) message {
	return message{Name: strings.TrimPrefix(s.name(), "v1"), Fields: d.fields(s, place, 0)}
}

func (d *doc) fields(s schema, place string, depth int) (out []field) {
	definition := d.Definitions[s.name()]
	names := definition.Order
	if len(names) == 0 {
		for name := range definition.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		p := definition.Properties[name]
		out = append(out, field{Name: name, Type: d.kind(p), Rule: d.rule(p), Place: place, Depth: depth,
			Required: slices.Contains(definition.Required, name), About: paragraphs(p.Description)})
		inner := p
		if p.Items != nil {
			inner = *p.Items
		}
		if depth < maxNesting && inner.Ref != "" {
			out = append(out, d.fields(inner, "", depth+1)...)
		}
	}
	return out
}

// name is the definition that a schema refers to.
func (s schema) name() string { return strings.TrimPrefix(s.Ref, "#/definitions/") }

// kind says a field's type in words.
func (d *doc) kind(s schema) string {
	switch {
	case s.Ref != "":
		if target := d.Definitions[s.name()]; target.Type != "object" {
			return d.kind(target)
		}
		return strings.TrimPrefix(s.name(), "v1")
	case s.Type == "array" && s.Items != nil:
		return "list of " + d.kind(*s.Items)
	case s.Type == "string" && s.Format == "byte":
		return "bytes, base64"
	case s.Type == "string" && strings.HasSuffix(s.Format, "int64"):
		return "integer, as a string"
	}
	return s.Type
}

// rule says what a value has to be, and lists an enumeration's names.
func (d *doc) rule(s schema) string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.Ref != "" {
		s.Enum = d.Definitions[s.name()].Enum
	}
	if len(s.Enum) > 0 {
		say("%s", strings.Join(s.Enum, ", "))
	}
	if s.Pattern != "" {
		say("matches %s", s.Pattern)
	}
	switch {
	case s.MinBytes != nil && s.MaxBytes != nil && *s.MinBytes == *s.MaxBytes:
		say("%d bytes", *s.MinBytes)
	case s.MinBytes != nil && s.MaxBytes != nil:
		say("%d to %d bytes", *s.MinBytes, *s.MaxBytes)
	case s.MaxBytes != nil:
		say("at most %d bytes", *s.MaxBytes)
	}
	switch {
	case s.Highest != "":
		say("%s to %s", s.Lowest, s.Highest)
	case s.Minimum != nil && s.Maximum != nil:
		say("%s to %s", *s.Minimum, *s.Maximum)
	}
	if s.MinItems != nil && s.MaxItems != nil {
		say("%d to %d items", *s.MinItems, *s.MaxItems)
	}
	if s.Items != nil {
		if each := d.rule(*s.Items); each != "" {
			say("each %s", each)
		}
	}
	return strings.Join(out, "; ")
}

// A paragraph is text, every second part of which is code.
type paragraph []span

type span struct {
	Code bool
	Text string
}

// paragraphs are parted by empty lines, code by backquotes.
func paragraphs(text string) (out []paragraph) {
	for _, p := range strings.Split(text, "\n\n") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		var spans paragraph
		for i, part := range strings.Split(p, "`") {
			if part != "" {
				spans = append(spans, span{i%2 == 1, part})
			}
		}
		out = append(out, spans)
	}
	return out
}
