// Package gnarklog silences gnark's logger.
//
// gnark logs to standard output by default, and its solver logs a failed
// constraint with the values of the wires in it, which are a patient's
// secrets. Everything in this project that compiles, solves, proves or
// verifies calls [Off] before it enters gnark (docs/spec.md §9.3).
package gnarklog

import (
	"sync"

	"github.com/consensys/gnark/logger"
)

var once sync.Once

// Off turns gnark's logger off for the whole process. It may be called from
// several goroutines.
func Off() { once.Do(logger.Disable) }
