// Package doctor checks a machine against a configuration before, or while, a
// process serves on it: each check is bounded in time, changes nothing, and
// says what to do (docs/operations.md, "Running the services").
//
// # Caveats
//
// A check says how things stood when it ran. It proves nothing about the
// ledger or the keys that the services do not verify again by themselves.
package doctor

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// A Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warn    Status = "warn"    // it works, and somebody should look
	Fail    Status = "fail"    // a service would not start, or not be safe
	Skipped Status = "skipped" // it could not be checked, or does not apply
)

// A Result is what a check found.
type Result struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`        // no secret, and nothing of a file's content
	Do     string `json:"do,omitempty"` // what to do; empty where there is nothing to do
}

// A Check finds out one thing. Run fills in Status, Found and Do; it ends when
// ctx does.
type Check struct {
	Name string
	Run  func(ctx context.Context) Result
}

// Good is a result that is as it should be.
func Good(format string, args ...any) Result {
	return Result{Status: OK, Found: fmt.Sprintf(format, args...)}
}

// Bad is a result of another status, with what to do.
func Bad(s Status, do, format string, args ...any) Result {
	return Result{Status: s, Found: fmt.Sprintf(format, args...), Do: do}
}

// Run runs the checks at the same time and returns their results in the order
// of the checks, after patience at the latest: what has not ended by then has
// failed. A check that panics has failed.
func Run(ctx context.Context, checks []Check, patience time.Duration) []Result {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out := make([]Result, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			out[i] = one(ctx, c)
			out[i].Check = c.Name
		})
	}
	all.Wait()
	return out
}

func one(ctx context.Context, c Check) Result {
	done := make(chan Result, 1) // a check that outlasts ctx ends alone
	go func() {
		defer func() {
			if recover() != nil { // its words may hold anything
				done <- Bad(Fail, "report it with this program's version", "the check itself is broken")
			}
		}()
		done <- c.Run(ctx)
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		select {
		case r := <-done: // it noticed by itself
			return r
		case <-time.After(200 * time.Millisecond):
		}
		return Bad(Fail, "see whether what it asks hangs: a disk, a mount, a network", "did not end in time")
	}
}

// Worst is the worst status of the results.
func Worst(results []Result) Status {
	worst := OK
	for _, r := range results {
		if r.Status == Fail || r.Status == Warn && worst == OK {
			worst = r.Status
		}
	}
	return worst
}

// Print writes the results as a table.
func Print(w io.Writer, results []Result) {
	wide := 0
	for _, r := range results {
		wide = max(wide, len(r.Check))
	}
	for _, r := range results {
		fmt.Fprintf(w, "%-7s  %-*s  %s\n", r.Status, wide, r.Check, r.Found)
		if r.Do != "" {
			fmt.Fprintf(w, "%-7s  %-*s  → %s\n", "", wide, "", r.Do)
		}
	}
}
