package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

// A plugin is one generator, and where its files go relative to the repository.
type plugin struct {
	name, parameter, out string
}

// document is the name of the OpenAPI document.
const document = "api/openapi/zkconsent.swagger.json"

func plugins() []plugin {
	return []plugin{
		{"protoc-gen-go", "paths=source_relative", "api"},
		{"protoc-gen-go-grpc", "paths=source_relative", "api"},
		{"protoc-gen-grpc-gateway", "paths=source_relative", "api"},
		{"protoc-gen-openapiv2", "allow_merge=true,merge_file_name=zkconsent,preserve_rpc_order=true", "api/openapi"},
	}
}

// generate returns the content of each generated file by its path relative
// to root.
func (in *input) generate(ctx context.Context, root, folder string) (map[string]string, error) {
	out := map[string]string{}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: in.names, ProtoFile: inOrder(in.files)}
	for _, p := range plugins() {
		request.Parameter = proto.String(p.parameter)
		if err := p.run(ctx, request, root, folder, out); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	finished, err := in.finish(out[document], root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", document, err)
	}
	out[document] = finished
	return out, nil
}

func (p plugin) run(ctx context.Context, request *pluginpb.CodeGeneratorRequest, root, folder string, out map[string]string) error {
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
