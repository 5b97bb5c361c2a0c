package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"go.yaml.in/yaml/v3"
)

// Bounds of a file, and of the value of an override.
const (
	MaxFile  = 256 << 10 // bytes
	maxDepth = 12
	maxItems = 1000 // of a list or a map
	maxValue = 4096 // bytes of one value
)

// A decoder puts a document of YAML into a Config and reports what does not
// fit. Aliases and tags are refused: a configuration is read by people.
type decoder struct {
	report
	place   string
	folder  string // of relative paths; empty leaves them as they are
	origins map[string]origin
}

func (d *decoder) at(n *yaml.Node) origin { return origin{d.place, n.Line} }

// parse reads one document. It returns nil for an empty one.
func (d *decoder) parse(b []byte) *yaml.Node {
	if len(b) > MaxFile {
		d.add(origin{d.place, 0}, "", "larger than the %d KiB that a configuration can have", MaxFile>>10)
		return nil
	}
	y := yaml.NewDecoder(bytes.NewReader(b))
	var doc, second yaml.Node
	if err := y.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		d.add(origin{d.place, lineOf(err)}, "", "this is not YAML; look for a wrong indentation, a tab, or a quote that is not closed")
		return nil
	}
	if err := y.Decode(&second); !errors.Is(err, io.EOF) {
		d.add(origin{d.place, second.Line}, "", "more than one document; take out the line with ---")
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// lineOf takes the line out of an error of the YAML library, whose text may
// repeat what is in the file.
func lineOf(err error) (line int) {
	if _, after, ok := strings.Cut(err.Error(), "line "); ok {
		digits, _, _ := strings.Cut(after, ":")
		line, _ = strconv.Atoi(digits)
	}
	return line
}

// value puts a node into v, the field named path.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.add(d.at(n), path, "anchors and aliases (& and *) are not taken; write the value out")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.add(d.at(n), path, "a tag (!) is not taken; write the value alone")
		return
	case depth > maxDepth:
		d.add(d.at(n), path, "nested too deep")
		return
	}
	if path != "" {
		d.origins[path] = d.at(n)
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path, depth)
	case reflect.Slice:
		d.list(n, v, path, depth)
	case reflect.Map:
		d.table(n, v, path, depth)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) fields(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a section whose fields are all commented out
	}
	if n.Kind != yaml.MappingNode {
		d.add(d.at(n), path, "a section with fields is wanted: %s", strings.Join(names(v.Type()), ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field := lookup(v, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || !field.IsValid():
			d.add(d.at(key), path, "there is no field %s; there are %s", quoted(key.Value), strings.Join(names(v.Type()), ", "))
		case seen[key.Value] != 0:
			d.add(d.at(key), join(path, key.Value), "stands on line %d too; keep one", seen[key.Value])
		default:
			seen[key.Value] = key.Line
			if value.Line == 0 {
				value.Line = key.Line
			}
			d.value(value, field, join(path, key.Value), depth+1)
		}
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, depth int) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		v.SetZero()
		return
	case n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String:
		// a,b is as good as [a, b], for flags and variables
		parts := &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line}
		for _, p := range strings.Split(n.Value, ",") {
			parts.Content = append(parts.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(p), Line: n.Line})
		}
		n = parts
	case n.Kind != yaml.SequenceNode:
		d.add(d.at(n), path, "a list is wanted, such as [a, b]")
		return
	}
	if len(n.Content) > maxItems {
		d.add(d.at(n), path, "%d entries, at most %d are taken", len(n.Content), maxItems)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		fill(out.Index(i))
		d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	v.Set(out)
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode || len(n.Content) > 2*maxItems {
		d.add(d.at(n), path, "a table of at most %d entries is wanted, such as {a: b}", maxItems)
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		k := reflect.ValueOf(key.Value)
		if key.Kind != yaml.ScalarNode || key.Value == "" || len(key.Value) > maxValue || out.MapIndex(k).IsValid() {
			d.add(d.at(key), path, "a name of an entry is empty, too long, or stands twice")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, item, join(path, key.Value), depth+1)
		out.SetMapIndex(k, item)
	}
	v.Set(out)
}

// scalar reads one value. No message repeats it: it may be a secret that was
// put into the wrong place.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.add(d.at(n), path, "one value is wanted, %s", kindOf(v.Type()))
		return
	}
	if n.Tag == "!!null" {
		d.add(d.at(n), path, "a value is missing; take the field out for the default, or write \"\" for none")
		return
	}
	if len(n.Value) > maxValue || strings.ContainsAny(n.Value, "\n\r\x00") {
		d.add(d.at(n), path, "one line of at most %d bytes is wanted; a secret stands in a file, and its path here", maxValue)
		return
	}
	if err := set(v, n.Value); err != nil {
		d.add(d.at(n), path, "%s", err)
		return
	}
	if p, ok := v.Interface().(Path); ok {
		v.SetString(d.absolute(string(p)))
	}
	if p, ok := v.Interface().(SecretFile); ok {
		v.SetString(d.absolute(string(p)))
	}
}

func (d *decoder) absolute(p string) string {
	if p == "" || d.folder == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.folder, p)
}

// set puts a text into a field of a simple type.
func set(v reflect.Value, s string) error {
	wanted := fmt.Errorf("%s is wanted", kindOf(v.Type()))
	switch v.Interface().(type) {
	case time.Duration:
		t, err := time.ParseDuration(s)
		if err != nil {
			return wanted
		}
		v.SetInt(int64(t))
		return nil
	case SecretFile:
		if !plausible(s) {
			return errors.New("the path of a file is wanted, and not the secret itself; write it into a file that only this program's user may read")
		}
	}
	if of := allowed(v.Type()); of != nil && !slices.Contains(of, s) {
		return fmt.Errorf("one of %s is wanted", strings.Join(of, ", "))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		if s != "true" && s != "false" {
			return wanted
		}
		v.SetBool(s == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return wanted
		}
		v.SetInt(i)
	case reflect.Uint64:
		u, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return wanted
		}
		v.SetUint(u)
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f != f || f > 1e9 || f < -1e9 {
			return wanted
		}
		v.SetFloat(f)
	default:
		return wanted
	}
	return nil
}

// plausible tells whether a text may be the path of a file, and is none of
// what people paste in its place.
func plausible(s string) bool {
	return len(s) <= 1024 && !strings.ContainsAny(s, " \t=@") && !strings.Contains(s, "://") && !strings.HasPrefix(s, "-----")
}

// allowed are the values of a type that has few, and nil for others.
func allowed(t reflect.Type) (out []string) {
	switch t {
	case reflect.TypeFor[Role]():
		return []string{string(Registry), string(Prover), string(Verifier)}
	case reflect.TypeFor[Level]():
		return []string{"debug", "info", "warn", "error"}
	case reflect.TypeFor[Format]():
		return []string{"json", "text"}
	case reflect.TypeFor[identity.Role]():
		for _, r := range identity.Roles() {
			out = append(out, string(r))
		}
	case reflect.TypeFor[consent.CircuitID]():
		for _, c := range consent.Circuits() {
			out = append(out, string(c))
		}
	}
	return out
}

// kindOf says in words what a field holds.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a time such as 30s or 15m"
	case reflect.TypeFor[Path](), reflect.TypeFor[SecretFile]():
		return "a path"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number from 0 on"
	case reflect.Float64:
		return "a number"
	}
	return "a text"
}
