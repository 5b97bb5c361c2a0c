package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// passphraseFor reads the wallet's passphrase from the file that the user
// named, or asks for it on the terminal. It never takes it from the command
// line, where other users of the machine could see it.
func (a *app) passphraseFor(prompt string, twice bool) (string, error) {
	if a.passphrase != "" {
		b, err := a.readFile(a.passphrase, 4096)
		if err != nil {
			return "", fmt.Errorf("--passphrase-file: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errors.New("no terminal to ask for the passphrase; name a file with --passphrase-file")
	}
	first, err := a.ask(f, prompt)
	if err != nil || !twice {
		return first, err
	}
	again, err := a.ask(f, "the same again")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passphrases differ; nothing was written")
	}
	return first, nil
}

func (a *app) ask(f *os.File, prompt string) (string, error) {
	fmt.Fprintf(a.stderr, "%s: ", prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.stderr)
	return string(b), err
}

// confirm asks a yes-or-no question on the terminal; no terminal means no.
func (a *app) confirm(question string) bool {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	var answer string
	fmt.Fscanln(f, &answer)
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes"
}
