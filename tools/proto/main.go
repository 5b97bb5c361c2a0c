// Command proto compiles the protobuf files under api/ and writes what is
// generated from them: Go messages, gRPC services, the HTTP gateway and one
// OpenAPI document of all services. It needs nothing but the Go module proxy:
// the compiler is a library, the plugins are tools of this module, and what the
// files import comes from the Go packages that are generated from it.
//
// Usage: proto -root REPOSITORY -plugins FOLDER [-check]
//
//	proto -root REPOSITORY -image FILE [-bare]
//	proto -root REPOSITORY -released FILE
//
// With -check nothing is written; it fails if a file would differ, or if one
// is left over from a .proto file that is gone. With -image the descriptors are
// written for buf, which then needs no network for the imports; -bare leaves
// out the comments. With -released nothing is written; it fails if a REST address
// of an earlier image is gone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// A job is what one run of the command does.
type job struct {
	root     string // the repository
	plugins  string // the folder of the plugins' executables
	check    bool   // compare instead of writing
	image    string // write the descriptors to this file and nothing else
	bare     bool   // with image: without comments
	released string // hold REST addresses against this image and do nothing else
}

func main() {
	var j job
	flag.StringVar(&j.root, "root", ".", "the repository")
	flag.StringVar(&j.plugins, "plugins", "", "the folder of the plugins' executables")
	flag.BoolVar(&j.check, "check", false, "compare instead of writing")
	flag.StringVar(&j.image, "image", "", "write the descriptors to this file and nothing else")
	flag.BoolVar(&j.bare, "bare", false, "with -image: without comments")
	flag.StringVar(&j.released, "released", "", "hold REST addresses against this image and do nothing else")
	flag.Parse()
	if err := j.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "proto:", err)
		os.Exit(1)
	}
}

func (j job) run(ctx context.Context) error {
	in, err := compile(ctx, j.root)
	if err != nil {
		return err
	}
	switch {
	case j.image != "":
		b, err := in.image(j.bare)
		if err != nil {
			return err
		}
		return os.WriteFile(j.image, b, 0o644)
	case j.released != "":
		b, err := os.ReadFile(j.released)
		if err != nil {
			return err
		}
		return in.gone(b)
	}
	files, err := in.generate(ctx, j.root, j.plugins)
	switch {
	case err != nil:
		return err
	case j.check:
		return compare(j.root, files)
	default:
		return write(j.root, files)
	}
}

func write(root string, files map[string]string) error {
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func compare(root string, files map[string]string) error {
	var faults []string
	for name, content := range files {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != content {
			faults = append(faults, name+" differs")
		}
	}
	present, err := find(filepath.Join(root, "api"), ".pb.go", ".pb.gw.go", ".swagger.json")
	if err != nil {
		return err
	}
	for _, name := range present {
		if _, ok := files["api/"+name]; !ok {
			faults = append(faults, "api/"+name+" is generated from nothing")
		}
	}
	if len(faults) > 0 {
		sort.Strings(faults)
		return fmt.Errorf("run `make generate`: %s", strings.Join(faults, ", "))
	}
	return nil
}
