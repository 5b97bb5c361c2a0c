//go:build !unix

package doctor

import "errors"

var errUnknown = errors.New("doctor: not known on this system")

func space(string) (free, total uint64, err error) { return 0, 0, errUnknown }

func openFiles() (uint64, error) { return 0, errUnknown }

func coreSize() (uint64, error) { return 0, errUnknown }
