// Command sbomcheck holds a software bill of materials against the binary that
// it is of: CycloneDX 1.6 in JSON, and in it every module that the Go toolchain
// wrote into the binary, in the version that was built in, and no other.
//
// Usage: sbomcheck BINARY BILL
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sbomcheck BINARY BILL")
		os.Exit(2)
	}
	n, err := run(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbomcheck:", err)
		os.Exit(1)
	}
	fmt.Printf("sbom: %d modules of %s are in %s\n", n, os.Args[1], os.Args[2])
}

func run(binary, bill string) (int, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(bill)
	if err != nil {
		return 0, err
	}
	return len(info.Deps), check(info, b)
}

// A component is one of a bill's.
type component struct {
	Name, Version, PURL string
}

// check compares the modules of a binary with a bill.
func check(info *buildinfo.BuildInfo, bill []byte) error {
	var doc struct {
		BOMFormat   string `json:"bomFormat"`
		SpecVersion string `json:"specVersion"`
		Metadata    struct{ Component component }
		Components  []component
	}
	if err := json.Unmarshal(bill, &doc); err != nil {
		return err
	}
	if doc.BOMFormat != "CycloneDX" || doc.SpecVersion != "1.6" {
		return fmt.Errorf("the bill is %s %s, not CycloneDX 1.6", doc.BOMFormat, doc.SpecVersion)
	}
	if doc.Metadata.Component.Name != info.Main.Path {
		return fmt.Errorf("the bill is of %q, the binary of %q", doc.Metadata.Component.Name, info.Main.Path)
	}
	if len(info.Deps) == 0 {
		return errors.New("the binary names no modules")
	}
	listed := map[string]bool{}
	for _, c := range doc.Components {
		if !strings.HasPrefix(c.PURL, "pkg:golang/") {
			return fmt.Errorf("%s has no package URL", c.Name)
		}
		listed[c.Name+"@"+c.Version] = true
	}
	var faults []string
	for _, m := range info.Deps {
		name := built(m)
		if !listed[name] {
			faults = append(faults, name+" is in the binary alone")
		}
		delete(listed, name)
	}
	for name := range listed {
		if name != "std@"+strings.TrimPrefix(info.GoVersion, "go") && name != "std@"+info.GoVersion {
			faults = append(faults, name+" is in the bill alone")
		}
	}
	if !slices.ContainsFunc(doc.Components, func(c component) bool { return c.Name == "std" }) {
		faults = append(faults, "the standard library is not in the bill")
	}
	slices.Sort(faults)
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

// built is the module whose code is in the binary.
func built(m *debug.Module) string {
	if m.Replace != nil {
		m = m.Replace
	}
	return m.Path + "@" + m.Version
}
