package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a document.
const (
	MaxDocument = 1 << 20 // bytes
	MaxDepth    = 64      // nested objects and lists
)

// A document is one resource while it is read. The first fault sticks; later
// reads return zero values.
type document struct{ err *Error }

// A node is an element of a document, or the absence of one.
type node struct {
	doc   *document
	path  string
	value any // map[string]any, []any, string, json.Number, bool; nil when absent
}

func (n node) present() bool { return n.value != nil }

func (n node) fail(kind error, format string, args ...any) {
	if n.doc.err == nil {
		n.doc.err = &Error{Path: n.path, Kind: kind, Reason: fmt.Sprintf(format, args...)}
	}
}

// open parses a resource of the wanted type and refuses what may change the
// meaning of any element without being read: implicitRules and
// modifierExtension, wherever they stand.
func open(data []byte, resource string) (node, error) {
	doc := &document{}
	root := node{doc: doc, path: resource}
	if len(data) > MaxDocument {
		root.fail(ErrMalformed, "%d bytes, at most %d are allowed", len(data), MaxDocument)
		return root, doc.err
	}
	if !utf8.Valid(data) || !json.Valid(data) {
		root.fail(ErrMalformed, "not UTF-8 JSON")
		return root, doc.err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root.value = read(d, root, 0)
	if doc.err != nil {
		return root, doc.err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		root.fail(ErrMalformed, "data after the document")
		return root, doc.err
	}
	if got := root.get("resourceType").text(); doc.err == nil && got != resource {
		root.get("resourceType").fail(ErrMismatch, "a %s is wanted", resource)
	}
	if doc.err != nil {
		return root, doc.err
	}
	return root, nil
}

func read(d *json.Decoder, at node, depth int) any {
	if depth > MaxDepth {
		at.fail(ErrMalformed, "nested deeper than %d", MaxDepth)
		return nil
	}
	token, err := d.Token()
	if err != nil {
		at.fail(ErrMalformed, "not JSON")
		return nil
	}
	delim, ok := token.(json.Delim)
	if !ok {
		if token == "" {
			at.fail(ErrMalformed, "an empty text; FHIR leaves the element out")
		}
		return token
	}
	if delim == '[' {
		list := []any{}
		for i := 0; d.More() && at.doc.err == nil; i++ {
			list = append(list, read(d, node{doc: at.doc, path: fmt.Sprintf("%s[%d]", at.path, i)}, depth+1))
		}
		if at.doc.err == nil && len(list) == 0 {
			at.fail(ErrMalformed, "an empty list; FHIR leaves the element out")
		}
		d.Token()
		return list
	}
	object := map[string]any{}
	for d.More() && at.doc.err == nil {
		token, err := d.Token()
		key, ok := token.(string)
		child := node{doc: at.doc, path: at.path + "." + printable(key)}
		if err != nil || !ok {
			at.fail(ErrMalformed, "not JSON")
			return nil
		}
		if _, twice := object[key]; twice {
			child.fail(ErrMalformed, "the key stands twice")
			return nil
		}
		if key == "modifierExtension" || key == "implicitRules" {
			child.fail(ErrUnknown, "it may change the meaning of everything around it")
			return nil
		}
		value := read(d, child, depth+1)
		if at.doc.err == nil && value == nil {
			child.fail(ErrMalformed, "null; FHIR leaves the element out")
		}
		object[key] = value
	}
	d.Token()
	return object
}

// printable bounds a key for use in an error.
func printable(key string) string {
	if len(key) > 64 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "?"
	}
	return key
}

// get is the named element of an object; absent if the node is.
func (n node) get(key string) node {
	child := node{doc: n.doc, path: n.path + "." + key}
	if !n.present() || n.doc.err != nil {
		return child
	}
	object, ok := n.value.(map[string]any)
	if !ok {
		n.fail(ErrMalformed, "an object belongs here")
		return child
	}
	child.value = object[key]
	return child
}

// only refuses elements that are not listed.
func (n node) only(keys ...string) {
	object, ok := n.value.(map[string]any)
	if !ok {
		if n.present() {
			n.fail(ErrMalformed, "an object belongs here")
		}
		return
	}
	var unknown []string
	for key := range object {
		if !slices.Contains(keys, key) && key != "id" && key != "extension" {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		node{doc: n.doc, path: n.path + "." + printable(unknown[0])}.fail(ErrUnknown, "the element is not known here, and may narrow the meaning")
	}
}

// list is the items of a repeating element; none if it is absent.
func (n node) list() []node {
	if !n.present() || n.doc.err != nil {
		return nil
	}
	items, ok := n.value.([]any)
	if !ok {
		n.fail(ErrMalformed, "a list belongs here")
		return nil
	}
	out := make([]node, len(items))
	for i, v := range items {
		out[i] = node{doc: n.doc, path: fmt.Sprintf("%s[%d]", n.path, i), value: v}
		if v == nil {
			out[i].fail(ErrMalformed, "null in a list of this kind")
		}
	}
	return out
}

// text is a string element; "" if it is absent.
func (n node) text() string {
	if !n.present() || n.doc.err != nil {
		return ""
	}
	s, ok := n.value.(string)
	if !ok {
		n.fail(ErrMalformed, "a text belongs here")
	}
	return s
}

// flag is a boolean element; false if it is absent.
func (n node) flag() bool {
	if !n.present() || n.doc.err != nil {
		return false
	}
	b, ok := n.value.(bool)
	if !ok {
		n.fail(ErrMalformed, "true or false belongs here")
	}
	return b
}

// number is a decimal as it is written; "" if it is absent.
func (n node) number() string {
	if !n.present() || n.doc.err != nil {
		return ""
	}
	v, ok := n.value.(json.Number)
	if !ok {
		n.fail(ErrMalformed, "a number belongs here")
	}
	return v.String()
}

// need refuses the absence of an element.
func (n node) need() node {
	if !n.present() {
		n.fail(ErrMissing, "the element is needed")
	}
	return n
}

// A coding is one code with its system.
type coding struct {
	node   node
	system string
	code   string
}

func (n node) coding() coding {
	n.only("system", "version", "code", "display", "userSelected")
	return coding{node: n, system: n.get("system").text(), code: n.get("code").text()}
}

// codings are the codings of a CodeableConcept: several names of one thing.
func (n node) codings() []coding {
	var out []coding
	for _, c := range n.get("coding").list() {
		out = append(out, c.coding())
	}
	return out
}

// one is the single coding of a CodeableConcept; more than one are not read,
// because two names of one thing may differ in their reach.
func (n node) one() coding {
	n.only("coding", "text")
	all := n.codings()
	if n.doc.err == nil && len(all) != 1 {
		n.fail(ErrUnknown, "exactly one coding is read here, not %d", len(all))
	}
	if n.doc.err != nil {
		return coding{node: n}
	}
	return all[0]
}
