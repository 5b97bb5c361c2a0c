package fieldrules

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// demand says what the field of a message must be that a path names, from its
// rules alone. The library's own words are not used: those of a rule written as
// an expression may quote the value.
func demand(m protoreflect.MessageDescriptor, path []*validate.FieldPathElement) string {
	const unsaid = "breaks a rule of the interface"
	var field protoreflect.FieldDescriptor
	for _, element := range path {
		if m == nil {
			return unsaid
		}
		if field = m.Fields().ByNumber(protoreflect.FieldNumber(element.GetFieldNumber())); field == nil {
			return unsaid
		}
		m = field.Message()
	}
	if field == nil {
		return unsaid // of the message as a whole
	}
	rules, err := protovalidate.ResolveFieldRules(field)
	if err != nil || rules == nil {
		return unsaid
	}
	if list := rules.GetRepeated(); list != nil {
		if path[len(path)-1].GetSubscript() == nil {
			return "must have " + span(list.MinItems, list.MaxItems) + " items"
		}
		rules = list.GetItems()
	}
	if said := words(rules, field); said != "" {
		return said
	}
	return unsaid
}

// words are empty for a kind of rule that no field of the interface has.
func words(rules *validate.FieldRules, field protoreflect.FieldDescriptor) string {
	switch r := rules.GetType().(type) {
	case *validate.FieldRules_String_:
		switch s := r.String_; {
		case s.Pattern != nil:
			return "must match " + s.GetPattern()
		case len(s.In) > 0:
			return "must be " + strings.Join(s.In, " or ")
		default:
			if low := max(s.GetMinLen(), s.GetMinBytes()); low > 0 {
				return "must be " + span(&low, s.MaxBytes) + " bytes of UTF-8"
			}
			return "must be " + span(nil, s.MaxBytes) + " bytes of UTF-8"
		}
	case *validate.FieldRules_Bytes:
		if r.Bytes.Len != nil {
			return fmt.Sprintf("must be %d bytes", r.Bytes.GetLen())
		}
		return "must be " + span(r.Bytes.MinLen, r.Bytes.MaxLen) + " bytes"
	case *validate.FieldRules_Uint64:
		least, most := r.Uint64.GetGte(), r.Uint64.GetLte()
		if _, below := r.Uint64.GetLessThan().(*validate.UInt64Rules_Lt); below {
			most = r.Uint64.GetLt() - 1
		}
		return fmt.Sprintf("must be %d to %d", least, most)
	case *validate.FieldRules_Uint32:
		least, most := r.Uint32.GetGte(), r.Uint32.GetLte()
		if _, below := r.Uint32.GetLessThan().(*validate.UInt32Rules_Lt); below {
			most = r.Uint32.GetLt() - 1
		}
		return fmt.Sprintf("must be %d to %d", least, most)
	case *validate.FieldRules_Enum:
		return "must be " + names(field.Enum(), r.Enum.GetNotIn())
	}
	return ""
}

// span says how many.
func span(low, high *uint64) string {
	switch {
	case low == nil && high == nil:
		return "any number of"
	case low == nil:
		return fmt.Sprintf("at most %d", *high)
	case high == nil:
		return fmt.Sprintf("at least %d", *low)
	}
	return fmt.Sprintf("%d to %d", *low, *high)
}

// names lists an enumeration's values without those that are refused.
func names(e protoreflect.EnumDescriptor, not []int32) string {
	var out []string
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); !slices.Contains(not, int32(v.Number())) {
			out = append(out, string(v.Name()))
		}
	}
	return strings.Join(out, ", ")
}
