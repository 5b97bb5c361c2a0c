// Command proto compiles the protobuf files under api/ and writes what is
// generated from them: Go messages, gRPC services, the HTTP gateway and one
// OpenAPI document of all services. It needs nothing but the Go module proxy:
// the compiler is a library, the plugins are tools of this module, and what the
// files import comes from the Go packages that are generated from it.
//
// Usage: proto -root REPOSITORY -plugins FOLDER [-check]
//
//	proto -root REPOSITORY -image FILE [-bare]
//
// With -check nothing is written; it fails if a file would differ, or if one
// is left over from a .proto file that is gone. With -image the descriptors are
// written for buf, which then needs no network for the imports; -bare leaves
// out the comments.
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

func main() {
	root := flag.String("root", ".", "the repository")
	folder := flag.String("plugins", "", "the folder of the plugins' executables")
	check := flag.Bool("check", false, "compare instead of writing")
	image := flag.String("image", "", "write the descriptors to this file and nothing else")
	bare := flag.Bool("bare", false, "with -image: without comments")
	flag.Parse()
	if err := run(context.Background(), *root, *folder, *image, *check, *bare); err != nil {
		fmt.Fprintln(os.Stderr, "proto:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, folder, image string, check, bare bool) error {
	in, err := compile(ctx, root)
	if err != nil {
		return err
	}
	if image != "" {
		b, err := in.image(bare)
		if err != nil {
			return err
		}
		return os.WriteFile(image, b, 0o644)
	}
	files, err := in.generate(ctx, root, folder)
	switch {
	case err != nil:
		return err
	case check:
		return compare(root, files)
	default:
		return write(root, files)
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
