// Package fieldrules refuses requests whose fields are not what the interface
// says: the rules stand beside the fields in api/zkconsent/v1/*.proto, and one
// pair of interceptors holds every service to them, over gRPC and over REST
// (docs/api.md).
//
// # Caveats
//
// A rule keeps out what no honest client sends. It is not the guard of anything
// that a verdict rests on: decoders, the state machine and the verifier check
// what they are handed as if there were no rules.
//
// A refusal never repeats a value: it may be a patient's witness.
package fieldrules

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maxFaults bounds the fields that one refusal names, so that a request of many
// bad parts does not make an answer of many.
const maxFaults = 16

// Rules are the compiled rules of every request. They are safe for concurrent
// use.
type Rules struct {
	validator protovalidate.Validator
	ruled     map[protoreflect.FullName]bool // the requests that have a rule
	lists     map[protoreflect.FullName][]list
}

// A list is a field of a request that may have so many items.
type list struct {
	field protoreflect.FieldDescriptor
	most  uint64
}

// New compiles the rules of every request of the interface, so that one that
// does not compile stops the process when it starts and not a patient's call.
func New() (*Rules, error) {
	r := &Rules{ruled: map[protoreflect.FullName]bool{}, lists: map[protoreflect.FullName][]list{}}
	var compiled []protoreflect.MessageDescriptor
	for _, m := range requests() {
		ruled, err := hasRules(m, map[protoreflect.FullName]bool{})
		if err != nil {
			return nil, err
		}
		if ruled {
			r.ruled[m.FullName()] = true
			if r.lists[m.FullName()], err = lists(m); err != nil {
				return nil, err
			}
			compiled = append(compiled, m)
		}
	}
	var err error
	r.validator, err = protovalidate.New(protovalidate.WithMessageDescriptors(compiled...), protovalidate.WithDisableLazy())
	if err != nil {
		return nil, fmt.Errorf("fieldrules: %w", err)
	}
	for _, m := range compiled {
		var fault *protovalidate.CompilationError
		if err := r.validator.Validate(dynamicpb.NewMessage(m)); errors.As(err, &fault) {
			return nil, fmt.Errorf("fieldrules: %s: %w", m.FullName(), err)
		}
	}
	return r, nil
}

// requests are the messages that the services of the interface take, each once.
func requests() (out []protoreflect.MessageDescriptor) {
	seen := map[protoreflect.FullName]bool{}
	for _, file := range []protoreflect.FileDescriptor{
		zkconsentv1.File_zkconsent_v1_registry_proto,
		zkconsentv1.File_zkconsent_v1_prover_proto,
		zkconsentv1.File_zkconsent_v1_verifier_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m := methods.Get(j).Input(); !seen[m.FullName()] {
					seen[m.FullName()] = true
					out = append(out, m)
				}
			}
		}
	}
	return out
}

// hasRules tells whether a message or one inside it has a rule.
func hasRules(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) (bool, error) {
	if seen[m.FullName()] {
		return false, nil
	}
	seen[m.FullName()] = true
	rules, err := protovalidate.ResolveMessageRules(m)
	if err != nil || len(rules.GetCel())+len(rules.GetOneof()) > 0 {
		return true, err
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(f)
		if err != nil || rules != nil {
			return true, err
		}
		if inner := f.Message(); inner != nil {
			if ruled, err := hasRules(inner, seen); ruled {
				return true, err
			}
		}
	}
	return false, nil
}

// lists are the fields of a message with a bound on their items.
func lists(m protoreflect.MessageDescriptor) (out []list, err error) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(f)
		if err != nil {
			return nil, err
		}
		if r := rules.GetRepeated(); r != nil && r.MaxItems != nil {
			out = append(out, list{f, r.GetMaxItems()})
		}
	}
	return out, nil
}

// Check returns a refusal that names the fields of m which break their rules,
// and nil where none does. A message without rules, of this interface or of
// another such as grpc.health.v1, breaks none.
func (r *Rules) Check(m proto.Message) error {
	if !r.ruled[m.ProtoReflect().Descriptor().FullName()] {
		return nil
	}
	for _, l := range r.lists[m.ProtoReflect().Descriptor().FullName()] {
		// The library looks at every item of a list that has too many.
		if uint64(m.ProtoReflect().Get(l.field).List().Len()) > l.most {
			number := int32(l.field.Number())
			words := demand(l.field.ContainingMessage(), []*validate.FieldPathElement{{FieldNumber: &number}})
			return refusal.Field(string(l.field.Name()), "%s", words)
		}
	}
	err := r.validator.Validate(m)
	if err == nil {
		return nil
	}
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return refusal.New(codes.Internal, refusal.Broken, "the request cannot be checked; the service's operator has to look into it")
	}
	var faults []*errdetails.BadRequest_FieldViolation
	named := map[string]bool{}
	for _, v := range broken.Violations {
		field := protovalidate.FieldPathString(v.Proto.GetField())
		if named[field] {
			continue // one field's words say all of its rules
		}
		named[field] = true
		if len(faults) < maxFaults {
			faults = append(faults, &errdetails.BadRequest_FieldViolation{Field: field, Description: demand(m.ProtoReflect().Descriptor(), v.Proto.GetField().GetElements())})
		}
	}
	words := make([]string, len(faults))
	for i, f := range faults {
		words[i] = f.Field + ": " + f.Description
	}
	if more := len(named) - len(faults); more > 0 {
		words = append(words, fmt.Sprintf("and %d more fields", more))
	}
	return refusal.Fields(strings.Join(words, "; "), faults...)
}

// Unary holds the requests of unary calls to their rules.
func (r *Rules) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if m, ok := request.(proto.Message); ok {
			if err := r.Check(m); err != nil {
				return nil, err
			}
		}
		return handler(ctx, request)
	}
}

// Stream holds every message that a caller sends on a stream to its rules,
// before the service sees it.
func (r *Rules) Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return handler(service, checked{stream, r})
	}
}

type checked struct {
	grpc.ServerStream
	rules *Rules
}

// RecvMsg refuses a message that breaks its rules.
func (c checked) RecvMsg(m any) error {
	if err := c.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if m, ok := m.(proto.Message); ok {
		return c.rules.Check(m)
	}
	return nil
}
