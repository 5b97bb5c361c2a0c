package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// An object is one of the document's.
type object = map[string]any

const about = `The services of zkconsent over REST. The same calls are served over gRPC. In JSON, bytes are base64, 64-bit integers are strings, and a field that is not in this document is refused.

Who calls is told by a client certificate (mutual TLS, of which this format has no word) or by a bearer token; whoever may call a method without either is told in docs/authorization.md, in a table that has every method.

What a ledger or a verifier returns is to be checked as docs/spec.md says. JSON is never hashed or signed.`

const refused = `A refusal: a google.rpc.Status. Its code is that of gRPC, its message is for people and says what to do, and its details tell programs why.`

// finish makes the document whole that the plugin merged: what it is, how
// callers are known, what a refusal looks like, and the rule of each field.
func (in *input) finish(merged, root string) (string, error) {
	var doc object
	decoder := json.NewDecoder(strings.NewReader(merged))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return "", err
	}
	doc["info"] = object{"title": "zkconsent", "version": "1", "description": about}
	doc["securityDefinitions"] = object{"bearer": object{
		"type": "apiKey", "in": "header", "name": "Authorization",
		"description": "An OpenID Connect token: \"Bearer \" and the token. In its place, or beside it, a client certificate by mutual TLS.",
	}}
	doc["security"] = []any{object{}, object{"bearer": []any{}}}
	why, err := reasons(filepath.Join(root, "internal", "refusal", "refusal.go"))
	if err != nil {
		return "", err
	}
	doc["x-reasons"] = why

	definitions, _ := doc["definitions"].(object)
	paths, _ := doc["paths"].(object)
	status, _ := definitions["rpcStatus"].(object)
	if definitions == nil || paths == nil || status == nil {
		return "", errors.New("the plugin's document has no definitions, paths or status")
	}
	status["description"] = refused
	if properties, ok := status["properties"].(object); ok {
		properties["details"] = object{
			"type": "array", "items": object{"$ref": "#/definitions/protobufAny"},
			"description": "google.rpc.ErrorInfo with the domain zkconsent and a reason; google.rpc.BadRequest with the fields at fault; google.rpc.RetryInfo with how long to wait.",
		}
	}
	if err := in.describe(definitions); err != nil {
		return "", err
	}
	for path, item := range paths {
		for verb, operation := range item.(object) {
			if err := in.operation(operation.(object)); err != nil {
				return "", fmt.Errorf("%s %s: %w", verb, path, err)
			}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(doc); err != nil {
		return "", err
	}
	return out.String(), nil
}

// operation adds what refusals look like, and the rules of the parameters.
func (in *input) operation(op object) error {
	id, _ := op["operationId"].(string)
	service, method, _ := strings.Cut(id, "_")
	descriptor, err := in.files.AsResolver().FindDescriptorByName(protoreflect.FullName("zkconsent.v1." + service + "." + method))
	if err != nil {
		return fmt.Errorf("operation %q: %w", id, err)
	}
	rpc, ok := descriptor.(protoreflect.MethodDescriptor)
	if !ok {
		return fmt.Errorf("operation %q is no method", id)
	}
	op["x-order"] = rpc.Index()
	op["x-method"] = "/" + string(rpc.Parent().FullName()) + "/" + string(rpc.Name())
	if responses, ok := op["responses"].(object); ok {
		responses["default"] = object{"description": refused, "schema": object{"$ref": "#/definitions/rpcStatus"}}
	}
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := p.(object)
		if p["in"] == "body" {
			continue
		}
		field := rpc.Input().Fields().ByJSONName(fmt.Sprint(p["name"]))
		if field == nil {
			return fmt.Errorf("parameter %v is no field", p["name"])
		}
		required, err := keywords(p, field)
		if err != nil {
			return err
		}
		if required {
			p["required"] = true
			delete(p, "default")
		}
	}
	return nil
}

// describe adds the rules of the fields to the definitions of the messages.
func (in *input) describe(definitions object) error {
	for _, f := range in.files {
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			definition, ok := definitions["v1"+string(m.Name())].(object)
			if !ok {
				continue // its fields are parameters
			}
			properties, _ := definition["properties"].(object)
			var required, order []string
			for j := range m.Fields().Len() {
				field := m.Fields().Get(j)
				property, ok := properties[field.JSONName()].(object)
				if !ok {
					return fmt.Errorf("%s is not in the document", field.FullName())
				}
				order = append(order, field.JSONName())
				needed, err := keywords(property, field)
				if err != nil {
					return err
				}
				if needed {
					required = append(required, field.JSONName())
				}
			}
			if len(order) > 0 {
				definition["x-order"] = order // JSON has none; comments may need it
			}
			if len(required) > 0 {
				definition["required"] = required
			}
		}
	}
	return nil
}

// reasons reads what a refusal may say to programs, and what it means, from
// the constants and their comments.
func reasons(path string) ([]any, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var out []any
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if t, ok := spec.Type.(*ast.Ident); !ok || t.Name != "Reason" {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(literal.Value); err == nil {
				out = append(out, object{"reason": name, "meaning": strings.TrimSpace(spec.Comment.Text())})
			}
		}
		return true
	})
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no reasons", path)
	}
	slices.SortFunc(out, func(a, b any) int {
		return strings.Compare(a.(object)["reason"].(string), b.(object)["reason"].(string))
	})
	return out, nil
}
