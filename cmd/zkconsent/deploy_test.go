package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// deployed are what operators copy commands from.
var deployed = []string{"docs/operations.md", "deploy/testnet.sh", "deploy/compose.yaml", "deploy/Dockerfile", "deploy/zkconsent-node.service", "deploy/zkconsent-serve.service", "deploy/compose.services.yaml", "docs/configuration.md"}

var (
	// written is a command line in a text or a script.
	written = regexp.MustCompile("(?:zkconsent|… [a-z]+-[a-d]|\"\\$program\"|\\bas \"?\\$?[a-z-]+\"?)((?: --(?:home|node|keys) (?:\"\\$\\([^)]*\\)\"|\"?[^ ]+))*) ([a-z][a-z-]*(?: [^`\\n#]*)?)")
	// listed is one as a list of JSON.
	listed = regexp.MustCompile(`\["(?:CMD", "/zkconsent", ")?((?:node|serve|doctor)", [^\]]*)\]`)
	flag   = regexp.MustCompile(`--[a-z][a-z0-9-]*`)
)

// commandLines are the command lines in a file of deploy or docs.
func commandLines(text string) (lines []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[2])
	}
	for _, m := range listed.FindAllStringSubmatch(text, -1) {
		var args []string
		if json.Unmarshal([]byte(`["`+m[1]+`]`), &args) == nil {
			lines = append(lines, strings.Join(args, " "))
		}
	}
	return lines
}

// TestDeploymentNamesRealCommands: a command or a flag that operators find in
// the documents, the scripts and the units exists in this program.
func TestDeploymentNamesRealCommands(t *testing.T) {
	root := (&app{}).root()
	verbs := []string{}
	for _, c := range root.Commands() {
		verbs = append(verbs, c.Name())
	}
	for _, name := range deployed {
		b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		lines := commandLines(string(b))
		found := 0
		for _, line := range lines {
			args := strings.Fields(line)
			if !slices.Contains(verbs, args[0]) {
				continue // a word of a sentence
			}
			found++
			if fault := commandFault(root, args); fault != "" {
				t.Errorf("%s: zkconsent %s: %s", name, line, fault)
			}
		}
		if found == 0 {
			t.Errorf("%s: no command was found", name)
		}
		t.Logf("%s: %d commands", name, found)
	}
}

// commandFault says what a command line names that does not exist.
func commandFault(root *cobra.Command, args []string) string {
	c, rest := root, args
	for len(rest) > 0 && c.HasSubCommands() {
		if strings.HasPrefix(rest[0], `"$`) {
			return "" // a script's own argument
		}
		next, _, err := c.Find(rest[:1])
		if err != nil || next == c {
			return "no command " + rest[0] + " of " + c.CommandPath()
		}
		c, rest = next, rest[1:]
	}
	for _, f := range flag.FindAllString(strings.Join(rest, " "), -1) {
		if c.Flags().Lookup(f[2:]) == nil && c.InheritedFlags().Lookup(f[2:]) == nil {
			return "no flag " + f
		}
	}
	return ""
}

func TestDeploymentFaultsAreSeen(t *testing.T) {
	root := (&app{}).root()
	for line, want := range map[string]string{
		"node start --p2p 0.0.0.0:26656":                 "",
		"node begin":                                     "no command begin",
		"node start --port 1":                            "no flag --port",
		"steward propose validator --power 0 --out FILE": "",
		"steward propose members":                        "no command members",
	} {
		if got := commandFault(root, strings.Fields(line)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	got := commandLines("run `zkconsent --home x node start --p2p A`, then\n\"$program\" --home \"$m\" node status\nas hospital-a --node \"$(grpc_of hospital-a)\" steward show p\ntest: [\"CMD\", \"/zkconsent\", \"node\", \"status\"]")
	want := []string{"node start --p2p A", "node status", "steward show p", "node status"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
