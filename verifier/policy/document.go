package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxDocument bounds a policy document in bytes.
const maxDocument = 64 << 10

// An Error says what in a policy document is at fault.
type Error struct {
	Where  string // the field, such as "where[2].prefix"
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("policy: %s: %s", e.Where, e.Reason) }

func fault(where, format string, args ...any) error {
	return &Error{where, fmt.Sprintf(format, args...)}
}

type document struct {
	Circuit    string      `json:"circuit"`
	Profile    string      `json:"profile"`
	Scheme     string      `json:"scheme"`
	Purpose    string      `json:"purpose"`
	Accept     []string    `json:"accept"`
	Categories []string    `json:"categories"`
	Data       period      `json:"data"`
	RelyFor    string      `json:"relyFor"`
	PolicyText string      `json:"policyText"`
	Schema     string      `json:"schema"`
	Trust      string      `json:"trust"`
	Where      []condition `json:"where"`
	Rule       string      `json:"rule"`
	Context    string      `json:"context"`
	Opened     string      `json:"opened"`
	MaxRootAge string      `json:"maxRootAge"`
	Return     string      `json:"return"`
}

type period struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type condition struct {
	Slots     []string `json:"slots"`
	Label     string   `json:"label"`
	ID        string   `json:"id"`
	LinkTo    string   `json:"linkTo"`
	Age       *age     `json:"age"`
	AtMost    *string  `json:"atMost"`
	AtLeast   *string  `json:"atLeast"`
	Between   []string `json:"between"`
	Equals    *string  `json:"equals"`
	NotEquals *string  `json:"notEquals"`
	OneOf     []string `json:"oneOf"`
	In        *string  `json:"in"`
	Prefix    []string `json:"prefix"`
}

type age struct {
	Min *int   `json:"min"`
	Max *int   `json:"max"`
	On  string `json:"on"`
}

// decode reads a document strictly.
func decode(b []byte) (*document, error) {
	if len(b) > maxDocument {
		return nil, fault("document", "%d bytes, at most %d are allowed", len(b), maxDocument)
	}
	walk := json.NewDecoder(bytes.NewReader(b))
	if err := noRepeats(walk, 0); err != nil {
		return nil, err
	}
	if _, err := walk.Token(); err != io.EOF {
		return nil, fault("document", "something follows its end")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	doc := &document{}
	if err := d.Decode(doc); err != nil {
		return nil, fault("document", "%v", err)
	}
	return doc, nil
}

const maxNesting = 8

// noRepeats refuses a field that occurs twice, in whatever case: encoding/json
// would silently take the last one.
func noRepeats(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fault("document", "not JSON: %v", err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxNesting {
		return fault("document", "nested too deeply")
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return fault("document", "not JSON: %v", err)
			}
			name, _ := t.(string)
			// Both ways: a long s is an s only in upper case, as encoding/json has it.
			if folded := strings.ToLower(strings.ToUpper(name)); seen[folded] {
				return fault(name, "occurs twice")
			} else {
				seen[folded] = true
			}
		}
		if err := noRepeats(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fault("document", "not JSON: %v", err)
	}
	return nil
}
