package proving

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

// An erasingPool is a pool of buffers that overwrites what comes back to it.
// gRPC's own pools overwrite a buffer when it is taken again, which may be
// hours later or never.
type erasingPool struct{ mem.BufferPool }

// Put implements mem.BufferPool.
func (p erasingPool) Put(b *[]byte) {
	clear((*b)[:cap(*b)])
	p.BufferPool.Put(b)
}

// EraseBuffers makes gRPC overwrite the buffers of messages as soon as they
// have been read or sent: those of protobuf in this process, for which gRPC has
// one pool, and those of the servers that are made with the option that it
// returns. It is called before any server or client is made.
//
// gRPC does not pool messages and frames of up to 1 KiB. They stay on the heap
// until their memory is used again.
func EraseBuffers() grpc.ServerOption { return use(erasingPool{mem.DefaultBufferPool()}) }

func use(pool mem.BufferPool) grpc.ServerOption {
	experimental.SetDefaultBufferPool(pool)
	return experimental.BufferPool(pool)
}
