package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate" // registers buf/validate/*.proto
	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	_ "google.golang.org/genproto/googleapis/api/annotations" // registers google/api/*.proto
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// An input is the compiled interface.
type input struct {
	names []string // of the repository's own files
	files linker.Files
}

// compile reads every .proto file below api.
func compile(ctx context.Context, root string) (*input, error) {
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
	return &input{names, files}, nil
}

// find lists the files below folder that end in one of the suffixes.
func find(folder string, suffixes ...string) (names []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
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

// The fields by which buf tells a file that is only imported
// (buf.alpha.image.v1.ImageFile).
const (
	bufExtension = 8042
	bufIsImport  = 1
)

// image is the interface as buf reads it. Without its comments it is what
// later interfaces are held against.
func (in *input) image(bare bool) ([]byte, error) {
	own := map[string]bool{}
	for _, name := range in.names {
		own[name] = true
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range inOrder(in.files) {
		f = proto.CloneOf(f)
		if bare || !own[f.GetName()] {
			f.SourceCodeInfo = nil
		}
		mark := protowire.AppendTag(nil, bufIsImport, protowire.VarintType)
		mark = protowire.AppendVarint(mark, protowire.EncodeBool(!own[f.GetName()]))
		unknown := protowire.AppendTag(f.ProtoReflect().GetUnknown(), bufExtension, protowire.BytesType)
		f.ProtoReflect().SetUnknown(protowire.AppendBytes(unknown, mark))
		set.File = append(set.File, f)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(set)
}
