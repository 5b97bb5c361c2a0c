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
	f, ok := a.terminal()
	if !ok {
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

// askWords reads the 24 words from a terminal, on as many lines as it takes,
// without showing them.
func (a *app) askWords(f *os.File) (string, error) {
	var words []string
	for len(words) < walletWords {
		line, err := a.ask(f, fmt.Sprintf("words %d to %d (not shown; on one line or several)", len(words)+1, walletWords))
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(line) == "" {
			break
		}
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " "), nil
}

// terminal is standard input, if somebody sits there.
func (a *app) terminal() (*os.File, bool) {
	f, ok := a.stdin.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) ask(f *os.File, prompt string) (string, error) {
	fmt.Fprintf(a.stderr, "%s: ", prompt)
	text, err := a.typed(f, func() (string, error) {
		b, err := term.ReadPassword(int(f.Fd()))
		return string(b), err
	})
	fmt.Fprintln(a.stderr)
	return text, err
}

// typed waits for what somebody types or for a signal, after which the terminal
// shows what is typed again.
func (a *app) typed(f *os.File, read func() (string, error)) (string, error) {
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", err
	}
	type line struct {
		text string
		err  error
	}
	done := make(chan line, 1)
	go func() {
		text, err := read()
		done <- line{text, err}
	}()
	select {
	case l := <-done:
		return l.text, l.err
	case <-a.stopped:
		return "", errors.Join(errStopped, term.Restore(int(f.Fd()), before))
	}
}

// confirm asks a yes-or-no question on the terminal; no terminal means no.
func (a *app) confirm(question string) bool {
	f, ok := a.terminal()
	if !ok {
		return false
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer, err := a.typed(f, func() (answer string, err error) {
		_, err = fmt.Fscanln(f, &answer)
		return strings.ToLower(answer), err
	})
	return err == nil && (answer == "y" || answer == "yes")
}
