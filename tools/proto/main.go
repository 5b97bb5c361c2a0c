// Command proto compiles the protobuf files under api/ and writes what is
// generated from them: Go messages, gRPC services, the HTTP gateway and
// OpenAPI documents. It needs nothing but the Go module proxy: the compiler
// is a library, the plugins are tools of this module, and the Google API
// annotations come from the Go package that is generated from them.
//
// Usage: proto -root REPOSITORY -plugins FOLDER [-check]
//
// With -check nothing is written; it fails if a file would differ, or if one
// is left over from a .proto file that is gone.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate" // registers buf/validate/*.proto
	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	_ "google.golang.org/genproto/googleapis/api/annotations" // registers google/api/*.proto
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// A plugin is one generator, and where its files go relative to the repository.
type plugin struct {
	name, parameter, out string
}

var plugins = []plugin{
	{"protoc-gen-go", "paths=source_relative", "api"},
	{"protoc-gen-go-grpc", "paths=source_relative", "api"},
	{"protoc-gen-grpc-gateway", "paths=source_relative", "api"},
	{"protoc-gen-openapiv2", "preserve_rpc_order=true,openapi_configuration=api/openapi/options.yaml", "api/openapi"},
}

func main() {
	root := flag.String("root", ".", "the repository")
	folder := flag.String("plugins", "", "the folder of the plugins' executables")
	check := flag.Bool("check", false, "compare instead of writing")
	flag.Parse()
	files, err := generate(context.Background(), *root, *folder)
	switch {
	case err != nil:
	case *check:
		err = compare(*root, files)
	default:
		err = write(*root, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "proto:", err)
		os.Exit(1)
	}
}

// generate returns the content of each generated file by its path relative
// to root.
func generate(ctx context.Context, root, folder string) (map[string]string, error) {
	names, err := find(filepath.Join(root, "api"), ".proto")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no .proto files below api")
	}
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: []string{filepath.Join(root, "api")}},
			protocompile.ResolverFunc(registered),
		},
	}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: names, ProtoFile: inOrder(files)}
	for _, p := range plugins {
		request.Parameter = proto.String(p.parameter)
		if err := run(ctx, p, request, root, folder, out); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return out, nil
}

// find lists the files below folder that end in one of the suffixes.
func find(folder string, suffixes ...string) (names []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(path, suffix) {
				name, err := filepath.Rel(folder, path)
				names = append(names, filepath.ToSlash(name))
				return err
			}
		}
		return nil
	})
	return names, err
}

// registered finds files that are linked into this program as descriptors.
func registered(name string) (protocompile.SearchResult, error) {
	d, err := protoregistry.GlobalFiles.FindFileByPath(name)
	if errors.Is(err, protoregistry.NotFound) {
		return protocompile.SearchResult{}, os.ErrNotExist
	}
	return protocompile.SearchResult{Desc: d}, err
}

// inOrder lists the files and all they import, imports first.
func inOrder(files linker.Files) (out []*descriptorpb.FileDescriptorProto) {
	seen := map[string]bool{}
	var visit func(f protoreflect.FileDescriptor)
	visit = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			visit(f.Imports().Get(i).FileDescriptor)
		}
		out = append(out, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range files {
		visit(f)
	}
	return out
}

func run(ctx context.Context, p plugin, request *pluginpb.CodeGeneratorRequest, root, folder string, out map[string]string) error {
	in, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	var answer bytes.Buffer
	executable, err := filepath.Abs(filepath.Join(folder, p.name))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, executable)
	cmd.Dir = root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &answer, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(answer.Bytes(), &response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, f := range response.File {
		name := filepath.FromSlash(f.GetName())
		if !filepath.IsLocal(name) || f.GetInsertionPoint() != "" {
			return fmt.Errorf("refused output file %q", name)
		}
		out[filepath.ToSlash(filepath.Join(p.out, name))] = f.GetContent()
	}
	return nil
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
