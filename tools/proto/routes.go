package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// routes lists the REST addresses of an image's methods. buf does not compare
// them, since they stand in an option.
func routes(image []byte) (map[string]string, error) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(image, set); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, file := range set.File {
		for _, service := range file.Service {
			for _, method := range service.Method {
				rule, _ := proto.GetExtension(method.Options, annotations.E_Http).(*annotations.HttpRule)
				if rule == nil {
					continue
				}
				name := strings.Join([]string{file.GetPackage(), service.GetName(), method.GetName()}, ".")
				for _, r := range append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...) {
					out[address(r)] = name
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the image has no REST addresses")
	}
	return out, nil
}

func address(r *annotations.HttpRule) string {
	verb, path := "custom", ""
	switch p := r.Pattern.(type) {
	case *annotations.HttpRule_Get:
		verb, path = "GET", p.Get
	case *annotations.HttpRule_Post:
		verb, path = "POST", p.Post
	case *annotations.HttpRule_Put:
		verb, path = "PUT", p.Put
	case *annotations.HttpRule_Patch:
		verb, path = "PATCH", p.Patch
	case *annotations.HttpRule_Delete:
		verb, path = "DELETE", p.Delete
	}
	return fmt.Sprintf("%s %s body %q", verb, path, r.Body)
}

// gone reports the addresses of the released interface that lead elsewhere, or
// nowhere, in this one.
func (in *input) gone(released []byte) error {
	image, err := in.image(true)
	if err != nil {
		return err
	}
	now, err := routes(image)
	if err != nil {
		return err
	}
	before, err := routes(released)
	if err != nil {
		return err
	}
	var faults []string
	for at, method := range before {
		if now[at] != method {
			faults = append(faults, fmt.Sprintf("%s was %s and is %q", at, method, now[at]))
		}
	}
	slices.Sort(faults)
	if len(faults) > 0 {
		return errors.New("REST addresses that callers use are gone: " + strings.Join(faults, "; "))
	}
	return nil
}
