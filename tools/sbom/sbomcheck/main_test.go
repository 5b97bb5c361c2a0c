package main

import (
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
)

const std = `{"name":"std","version":"1.26","purl":"pkg:golang/std@1.26"}`

func bill(format, of string, components ...string) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":%q,"metadata":{"component":{"name":%q}},"components":[%s]}`,
		format, of, strings.Join(components, ","))
}

func module(path, version string) string {
	return fmt.Sprintf(`{"name":%q,"version":%q,"purl":"pkg:golang/%s@%s"}`, path, version, path, version)
}

func TestABillIsOfItsBinary(t *testing.T) {
	info := &buildinfo.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Path: "m"}, Deps: []*debug.Module{
		{Path: "a", Version: "v1"}, {Path: "b", Version: "v1", Replace: &debug.Module{Path: "c", Version: "v2"}},
	}}
	a, c := module("a", "v1"), module("c", "v2")
	if err := check(info, bill("1.6", "m", a, c, std)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"an older format":              bill("1.4", "m", a, c, std),
		"another program":              bill("1.6", "n", a, c, std),
		"a module is missing":          bill("1.6", "m", a, std),
		"another version":              bill("1.6", "m", module("a", "v2"), c, std),
		"what was replaced":            bill("1.6", "m", a, module("b", "v1"), std),
		"one too many":                 bill("1.6", "m", a, c, module("d", "v1"), std),
		"without an address":           bill("1.6", "m", a, c, `{"name":"d","version":"v1"}`, std),
		"without the standard library": bill("1.6", "m", a, c),
		"nothing":                      nil,
	} {
		if err := check(info, b); err == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := check(&buildinfo.BuildInfo{Main: debug.Module{Path: "m"}}, bill("1.6", "m")); err == nil {
		t.Error("a binary that names no modules passes")
	}
}
