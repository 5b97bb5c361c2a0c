package boundary

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Ways to run a tool in a version that nobody chose.
var unpinned = []*regexp.Regexp{
	regexp.MustCompile(`@(latest|upgrade|patch|master|main|HEAD)\b`),
	regexp.MustCompile(`\bgo (install|run|get)\b[^\n#]*\s[a-z0-9-]+\.[a-z]+/\S+`), // of a module of others, by its path
	regexp.MustCompile(`\b(curl|wget)\b[^\n]*\|\s*(ba)?sh\b`),
}

// toolFaults finds them in one file.
func toolFaults(name, text string) (faults []string) {
	for i, line := range strings.Split(text, "\n") {
		for _, way := range unpinned {
			if found := way.FindString(line); found != "" {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: pin it in the tool block of a module below tools/", name, i+1, found))
			}
		}
	}
	return faults
}

// TestToolsArePinned: what builds and checks the program is as fixed as what is
// in it. Everything that `make` runs from its folder of tools comes from a
// module below tools/, whose go.sum says which bytes.
func TestToolsArePinned(t *testing.T) {
	scripts, modules := 0, ""
	for _, place := range []string{"Makefile", ".ci", "deploy", "tools"} {
		err := filepath.WalkDir(filepath.Join(root, place), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			switch base := filepath.Base(path); {
			case base == "go.mod":
				modules += string(b)
			case strings.HasSuffix(base, ".go"), base == "go.sum":
			default:
				scripts++
				for _, fault := range toolFaults(path, string(b)) {
					t.Error(fault)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	run := regexp.MustCompile(`\$\(BIN\)/([a-z][a-z0-9-]*)`).FindAllStringSubmatch(string(makefile), -1)
	for _, tool := range run {
		own, _ := filepath.Glob(filepath.Join(root, "tools", "*", tool[1]+"*"))
		if tool[1] != "proto" && len(own) == 0 && !regexp.MustCompile(`(?m)^(tool )?\s*\S+/`+regexp.QuoteMeta(tool[1])+`$`).MatchString(modules) {
			t.Errorf("the Makefile runs %s, which no module below tools/ pins", tool[1])
		}
	}
	if scripts < 4 || len(run) < 8 {
		t.Errorf("%d scripts and %d tools were found", scripts, len(run))
	}
}

func TestUnpinnedToolsAreSeen(t *testing.T) {
	for line, want := range map[string]int{
		"	go install golang.org/x/vuln/cmd/govulncheck@latest": 2,
		"	go run github.com/a/b@v1.2.3 ./...":                  1,
		"	curl -sSL https://example.org/install | sh":          1,
		"	GOBIN=$(BIN) go -C tools/lint install tool ./...":    0,
		"	go run ./internal/assurance/run -out x":              0,
		"	go test ./...":         0,
		"patient@mainly.example": 0,
	} {
		if got := toolFaults("x", line); len(got) != want {
			t.Errorf("%q: %q, want %d", line, got, want)
		}
	}
}
