package light

import "context"

// A HeaderSource hands out light blocks by their height, for a new member who
// builds consensus's state from verified ones (docs/spec.md §6.8). It is
// believed in nothing.
type HeaderSource interface {
	// Header returns the light block of a height, in the form
	// that [ReadLink] reads: [ErrRange] if the node does not have it, or not yet.
	Header(ctx context.Context, height uint64) ([]byte, error)
}
