package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sources are where a configuration comes from. What comes later in this
// list overrides what comes earlier.
type Sources struct {
	File string   // a file of YAML; empty for none
	Env  []string // variables NAME=VALUE, as os.Environ returns them
	Set  []string // flags, PATH=VALUE each, such as listen.grpc=127.0.0.1:0
}

// Default is the configuration of an empty file. It has no role, and so is
// none that a process can run with.
func Default() *Config {
	c := &Config{origins: map[string]origin{}}
	fill(reflect.ValueOf(c).Elem())
	return c
}

// Load reads the sources and checks the result ([Config.Validate]). An error
// that is [Faults] lists everything that is wrong.
func Load(s Sources) (*Config, error) {
	c, err := Read(s)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read is Load without the check of what the fields mean together.
func Read(s Sources) (*Config, error) {
	c := Default()
	r := &report{}
	if s.File != "" {
		b, err := readFile(s.File)
		if err != nil {
			return nil, Faults{{Where: s.File, Words: err.Error()}}
		}
		folder, err := filepath.Abs(filepath.Dir(s.File))
		if err != nil {
			return nil, err
		}
		c.decode(b, &decoder{place: s.File, folder: folder}, r)
	}
	c.environment(s.Env, r)
	c.flags(s.Set, r)
	return c, r.err()
}

// Decode reads a file of YAML, named only in faults, over the defaults.
func Decode(name string, b []byte) (*Config, error) {
	c, r := Default(), &report{}
	c.decode(b, &decoder{place: name}, r)
	return c, r.err()
}

func (c *Config) decode(b []byte, d *decoder, r *report) {
	d.origins = c.origins
	c.origins[""] = origin{d.place, 0}
	if n := d.parse(b); n != nil {
		d.value(n, reflect.ValueOf(c).Elem(), "", 0)
	}
	r.faults, r.more = append(r.faults, d.faults...), r.more || d.more
}

// readFile reads a file of bounded size. Its error says what to do.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file; deploy/config has one for each role to begin with")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("this program's user may not read it; give it to the group of that user")
	case err != nil:
		return nil, errors.New("cannot be opened")
	}
	defer f.Close()
	if i, err := f.Stat(); err == nil && i.Mode().IsRegular() && i.Mode().Perm()&0o002 != 0 {
		return nil, errors.New("everybody on this machine may write it, and so give themselves any role; run chmod o-w, and read it through first")
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, errors.New("cannot be read; is it a folder?")
	}
	return b, nil
}

// environment takes the variables that name a field. One that begins like a
// section and names no field of it is a fault: it would be overlooked. An empty
// one says nothing: it is what shells and containers make of a variable that
// nobody set, and must not take a certificate or a database away.
func (c *Config) environment(env []string, r *report) {
	fields := map[string]string{}
	c.each(func(path string, _ reflect.Value) { fields[Variable(path)] = path })
	for _, pair := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" {
			continue
		}
		if path, ok := fields[name]; ok {
			c.override(path, value, "$"+name, r)
			continue
		}
		for i := range reflect.TypeFor[Config]().NumField() {
			f := reflect.TypeFor[Config]().Field(i)
			if f.Type.Kind() == reflect.Struct && strings.HasPrefix(name, Variable(f.Tag.Get("yaml"))+"_") {
				r.add(origin{"$" + name, 0}, "", "names no field of the section %s; docs/configuration.md lists the variables", f.Tag.Get("yaml"))
			}
		}
	}
}

func (c *Config) flags(set []string, r *report) {
	known := map[string]bool{}
	c.each(func(path string, _ reflect.Value) { known[path] = true })
	for _, pair := range set {
		path, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			r.add(origin{"--set", 0}, "", "PATH=VALUE is wanted, such as listen.grpc=127.0.0.1:0")
		case !known[path]:
			r.add(origin{"--set", 0}, "", "there is no field %s; docs/configuration.md lists the fields", quotedPath(path))
		default:
			c.override(path, value, "--set "+path, r)
		}
	}
}

// quotedPath repeats the path of a field if it looks like one.
func quotedPath(path string) string {
	if quoted(strings.ReplaceAll(path, ".", "_")) == "of this name" {
		return "of this name"
	}
	return path
}

// override replaces one field by a value in YAML; lists may be a,b.
func (c *Config) override(path, value, place string, r *report) {
	d := &decoder{place: place, origins: c.origins}
	if abs, err := os.Getwd(); err == nil {
		d.folder = abs
	}
	c.each(func(p string, v reflect.Value) {
		if p != path {
			return
		}
		// A simple field takes the text as it is: an address or a path is not YAML.
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
		if k := v.Kind(); k == reflect.Map || k == reflect.Slice && (v.Type().Elem().Kind() == reflect.Struct || strings.HasPrefix(value, "[")) {
			if n = d.parse([]byte(value)); n == nil {
				n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
			}
			flat(n)
		} else if k == reflect.Slice && value == "" {
			n = &yaml.Node{Kind: yaml.SequenceNode}
		}
		if len(d.faults) == 0 {
			d.value(n, v, path, 1)
		}
	})
	r.faults, r.more = append(r.faults, d.faults...), r.more || d.more
}

func (c *Config) each(f func(path string, v reflect.Value)) {
	each(reflect.ValueOf(c).Elem(), "", f)
}

// Secrets calls f with every file that holds a secret, by the path of the
// field that names it.
func (c *Config) Secrets(f func(field string, file SecretFile)) {
	c.each(func(path string, v reflect.Value) {
		if s, ok := v.Interface().(SecretFile); ok && s != "" {
			f(path, s)
		}
	})
}

// String is the configuration as a file of YAML, defaults and overrides and
// all. It holds no secret, since no field does.
func (c *Config) String() string {
	b, err := yaml.Marshal(c)
	if err != nil {
		return "a configuration"
	}
	return string(b)
}
