package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// names are the fields of a section, in their order.
func names(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// lookup finds the field of a section by its name; the zero Value where there
// is none.
func lookup(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if n := v.Type().Field(i).Tag.Get("yaml"); n != "" && n == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// each calls f for every setting that an override can name, in their order:
// fields of sections, but not those of entries of lists.
func each(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		if field := v.Field(i); field.Kind() == reflect.Struct {
			each(field, join(path, name), f)
		} else {
			f(join(path, name), field)
		}
	}
}

// fill puts the defaults into the fields of v.
func fill(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		if tag.Get("yaml") == "" {
			continue
		}
		fill(field)
		if text := tag.Get("default"); text != "" {
			d := &decoder{place: "default", origins: map[string]origin{}}
			d.value(d.parse([]byte(text)), field, "", 0)
			if err := d.err(); err != nil {
				panic(fmt.Sprintf("config: the default of %s: %v", tag.Get("yaml"), err)) // a mistake in this package
			}
		}
	}
}

// Variable is the name of the environment variable that overrides a field.
func Variable(path string) string {
	var b strings.Builder
	b.WriteString("ZKCONSENT_")
	letters := []rune(path)
	for i, r := range letters {
		begins := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]) && letters[i-1] != '.')
		switch {
		case r == '.':
			b.WriteByte('_')
		case begins:
			b.WriteByte('_')
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// quoted repeats a field's name if it looks like one.
func quoted(s string) string {
	if len(s) == 0 || len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool {
		return r > 126 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
	}) {
		return "of this name"
	}
	return s
}

// flat is a document of one scalar or in flow style, as an override has it.
func flat(n *yaml.Node) *yaml.Node {
	n.Line = 0
	for _, c := range n.Content {
		flat(c)
	}
	return n
}
