package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode: any bytes make a configuration or faults, and what was read is
// read as the same again when it is printed.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("../../deploy/config/*.yaml")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode("fuzz", b)
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 || len(faults) > maxFaults+1 {
				t.Fatalf("%T of %v", err, err)
			}
			return
		}
		if err := c.Validate(); err != nil && !errors.As(err, new(Faults)) {
			t.Fatalf("%T", err)
		}
		again, err := Decode("again", []byte(c.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
		if !same(*c, *again) {
			t.Fatalf("%s\n%s", c, again)
		}
	})
}
