package main

import (
	"fmt"
	"strings"
)

// An exception is a rule that does not hold in one folder or file, or anywhere.
type exception struct {
	rule, where, reason string
	line                int
}

type exceptions []*exception

// parse reads a line for each exception: rule, where, reason. Where is a file
// or a folder with all below it, and * for everywhere.
func parse(text string) (out exceptions, err error) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 6 || !strings.HasPrefix(words[0], "G") {
			return nil, fmt.Errorf("line %d of the exceptions: want a rule, a place and a reason", i+1)
		}
		out = append(out, &exception{words[0], words[1], strings.Join(words[2:], " "), i + 1})
	}
	return out, nil
}

// everywhere lists the rules that are off.
func (e exceptions) everywhere() (out []string) {
	for _, x := range e {
		if x.where == "*" {
			out = append(out, x.rule)
		}
	}
	return out
}

// judge returns what has no exception, and exceptions that nothing needs.
func (e exceptions) judge(root string, found []issue) (faults []string, excepted int) {
	used := map[*exception]bool{}
	for _, i := range found {
		file, ok := relative(root, i.File), false
		for _, x := range e {
			if x.rule == i.Rule && (x.where == file || strings.HasPrefix(file, x.where+"/")) {
				used[x], ok = true, true
			}
		}
		if !ok {
			faults = append(faults, fmt.Sprintf("%s:%s: %s: %s", file, i.Line, i.Rule, i.Details))
			continue
		}
		excepted++
	}
	for _, x := range e {
		if !used[x] && x.where != "*" {
			faults = append(faults, fmt.Sprintf("exception in line %d: %s finds nothing in %s any more", x.line, x.rule, x.where))
		}
	}
	return faults, excepted
}
