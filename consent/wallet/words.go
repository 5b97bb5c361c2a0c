package wallet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/cosmos/go-bip39"
)

// wordCount is the number of words of a wallet: 256 bits and a checksum.
const wordCount = 24

// ErrChecksum reports words that are all in the list but do not belong
// together: one of them is another word, or two changed places.
var ErrChecksum = errors.New("wallet: the words' checksum does not match: a word is wrong or two are out of order")

// A WordError reports the word that is wrong, by its place and never by its
// text, since the other words stand in the same sentence.
type WordError struct {
	Number int // from 1; 0 when the number of words is wrong
	Count  int // how many words there are
}

func (e *WordError) Error() string {
	if e.Number == 0 {
		return fmt.Sprintf("wallet: %d words, a wallet has %d", e.Count, wordCount)
	}
	return fmt.Sprintf("wallet: word %d is not in the BIP-39 English list", e.Number)
}

// Words are the 24 words from which a wallet's keys follow. They print as
// REDACTED; Reveal is for the one time that a patient writes them down.
type Words struct {
	secret
	entropy func() [32]byte // a function, because a printer of an outer struct sees through pointers
}

// ParseWords reads 24 words with any white space between them.
func ParseWords(text string) (Words, error) {
	list := strings.Fields(strings.ToLower(text))
	if len(list) != wordCount {
		return Words{}, &WordError{Count: len(list)}
	}
	var bits [wordCount * 11 / 8]byte
	for i, w := range list {
		n, ok := bip39.ReverseWordMap[w]
		if !ok {
			return Words{}, &WordError{Number: i + 1, Count: len(list)}
		}
		for b := range 11 {
			if n>>(10-b)&1 == 1 {
				at := i*11 + b
				bits[at/8] |= 0x80 >> (at % 8)
			}
		}
	}
	entropy := [32]byte(bits[:32])
	if sha256.Sum256(entropy[:])[0] != bits[32] {
		return Words{}, ErrChecksum
	}
	return wordsOf(entropy), nil
}

func wordsOf(entropy [32]byte) Words {
	return Words{entropy: func() [32]byte { return entropy }}
}

// Reveal returns the words in lower case with single spaces between them.
func (w Words) Reveal() string {
	if w.entropy == nil {
		return ""
	}
	entropy := w.entropy()
	text, err := bip39.NewMnemonic(entropy[:])
	if err != nil {
		panic("wallet: " + err.Error()) // only another length of entropy can fail
	}
	return text
}
