package main

import (
	"fmt"
	"slices"
	"strconv"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// rulesOf reads the rules beside a field. The compiler keeps them in a form of
// its own, so they take the way over bytes.
func rulesOf(field protoreflect.FieldDescriptor) (*validate.FieldRules, error) {
	b, err := proto.Marshal(field.Options())
	if err != nil {
		return nil, err
	}
	options := &descriptorpb.FieldOptions{}
	if err := proto.Unmarshal(b, options); err != nil {
		return nil, err
	}
	rules, _ := proto.GetExtension(options, validate.E_Field).(*validate.FieldRules)
	return rules, nil
}

// keywords adds a field's rules to what describes it, and tells whether a
// request without the field is refused. Lengths of bytes are those of their
// base64 there, and in bytes as x-min-bytes and x-max-bytes; 64-bit integers
// are strings, so that their bounds are x-minimum and x-maximum.
func keywords(described object, field protoreflect.FieldDescriptor) (required bool, err error) {
	rules, err := rulesOf(field)
	if err != nil || rules == nil {
		return false, err
	}
	if list := rules.GetRepeated(); list != nil {
		if list.MinItems != nil {
			described["minItems"] = list.GetMinItems()
		}
		if list.MaxItems != nil {
			described["maxItems"] = list.GetMaxItems()
		}
		if items, ok := described["items"].(object); ok && list.Items != nil {
			if _, err := constrain(items, list.GetItems(), field); err != nil {
				return false, err
			}
		}
		return list.GetMinItems() > 0, nil
	}
	required, err = constrain(described, rules, field)
	return required && rules.GetIgnore() != validate.Ignore_IGNORE_IF_ZERO_VALUE, err
}

// constrain adds the rules of one value, and tells whether they refuse the
// value of a field that is not set.
func constrain(described object, rules *validate.FieldRules, field protoreflect.FieldDescriptor) (refusesZero bool, err error) {
	switch r := rules.GetType().(type) {
	case *validate.FieldRules_String_:
		s := r.String_
		if s.Pattern != nil {
			described["pattern"] = s.GetPattern()
		}
		if len(s.In) > 0 {
			described["enum"] = s.GetIn()
		}
		if s.MinLen != nil {
			described["minLength"] = s.GetMinLen()
		}
		if s.MaxBytes != nil {
			described["maxLength"], described["x-max-bytes"] = s.GetMaxBytes(), s.GetMaxBytes()
		}
		return s.Pattern != nil || len(s.In) > 0 || s.GetMinLen() > 0, nil
	case *validate.FieldRules_Bytes:
		low, high := r.Bytes.GetMinLen(), r.Bytes.GetMaxLen()
		if r.Bytes.Len != nil {
			low, high = r.Bytes.GetLen(), r.Bytes.GetLen()
		}
		if low > 0 {
			described["minLength"], described["x-min-bytes"] = (low*8+5)/6, low
		}
		described["maxLength"], described["x-max-bytes"] = (high+2)/3*4, high
		return low > 0, nil
	case *validate.FieldRules_Uint64:
		low, high := r.Uint64.GetGte(), r.Uint64.GetLte()
		described["x-minimum"], described["x-maximum"] = strconv.FormatUint(low, 10), strconv.FormatUint(high, 10)
		return low > 0, nil
	case *validate.FieldRules_Uint32:
		described["minimum"] = r.Uint32.GetGte()
		described["maximum"] = r.Uint32.GetLt() - 1
		return r.Uint32.GetGte() > 0, nil
	case *validate.FieldRules_Enum:
		var names []string
		for i := range field.Enum().Values().Len() {
			if v := field.Enum().Values().Get(i); !slices.Contains(r.Enum.GetNotIn(), int32(v.Number())) {
				names = append(names, string(v.Name()))
			}
		}
		described["enum"] = names
		return slices.Contains(r.Enum.GetNotIn(), 0), nil
	}
	return false, fmt.Errorf("%s has a kind of rule that the document cannot say", field.FullName())
}
