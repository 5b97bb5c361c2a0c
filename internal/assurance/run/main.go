// Command run is `make assurance`: it runs every TestAssurance_… of the module
// in full length, one after the other, and prints the table of docs/assurance.md
// with what they recorded. It fails when a test fails, a figure is missing, or a
// figure falls short of its goal.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	out := flag.String("out", ".cache/assurance", "folder for figures, logs and the table")
	only := flag.String("only", "", "run only the tests whose name contains this; figures of earlier runs are printed as such")
	asJSON := flag.Bool("json", false, "print the table as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, options{*out, *only, *asJSON, os.Stdout, os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "assurance:", err)
		os.Exit(1)
	}
}
