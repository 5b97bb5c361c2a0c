package config

import (
	"fmt"
	"strings"
)

// An origin is where a field was said: a line of the file, a variable of the
// environment, or a flag.
type origin struct {
	place string // "site.yaml", "$ZKCONSENT_LISTEN_GRPC", "--set listen.grpc"
	line  int    // of a file; 0 where there are no lines
}

func (o origin) String() string {
	if o.line == 0 {
		return o.place
	}
	return fmt.Sprintf("%s:%d", o.place, o.line)
}

// A Fault is one thing that is wrong with a configuration.
type Fault struct {
	Where string // file and line, variable or flag
	Field string // path, such as verifier.store.sqlite; empty for the whole
	Words string // what is wrong, and what to do
}

func (f Fault) String() string {
	parts := []string{f.Where}
	if f.Field != "" {
		parts = append(parts, f.Field)
	}
	return strings.Join(append(parts, f.Words), ": ")
}

// Faults are everything that is wrong with a configuration, as an error.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// maxFaults bounds what one configuration is told.
const maxFaults = 50

// A report collects faults.
type report struct {
	faults Faults
	more   bool
}

func (r *report) add(at origin, field, format string, args ...any) {
	if len(r.faults) == maxFaults {
		r.more = true
		return
	}
	r.faults = append(r.faults, Fault{Where: at.String(), Field: field, Words: fmt.Sprintf(format, args...)})
}

// err is nil where there is no fault.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	if r.more {
		return append(r.faults, Fault{Where: "and more", Words: "only the first are listed"})
	}
	return r.faults
}
