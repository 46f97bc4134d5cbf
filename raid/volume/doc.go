// Package volume is one half of the mirror: a single Badger database in a process of its own.
//
// The process is started by the mirror with one end of a socket pair on descriptor 3, serves it
// until it closes, and touches nothing but its own directory. It stores what it is given: values
// come sealed, batches come numbered and chained, and the volume only promises that a batch it
// answered [Yes] to is on the disk: Badger committed and synced it without a word of complaint in
// its log, and the batch's [Head] was then written and synced to a ring file beside Badger. When
// it cannot know, it answers [Unknown] and takes no further writes.
//
// A volume's directory:
//
//	lock            held by the process (flock): never two at once
//	superblock      identity, epochs, marks; replaced whole, see [Superblock]
//	heads           the last 64 heads, see [ParseRing]
//	ballast         space given back when the disk is full, so that Badger can still open
//	before/         raw copies of Badger's tail taken before opening after an unclean stop
//	db.<generation> Badger
package volume

import "errors"

// Limits of the protocol and of what a volume stores.
const (
	// Protocol is the version both ends must speak.
	Protocol = 2
	// MaxKey is the longest key in bytes.
	MaxKey = 512
	// MaxValue is the longest stored (sealed) value in bytes.
	MaxValue = 1<<20 + 8<<10
	// MaxPayload is the longest payload of one frame in bytes.
	MaxPayload = 1<<20 + 64<<10
	// MaxBatch is the most a batch may carry on the wire in bytes.
	MaxBatch = 20 << 20
	// MaxInline is the most a batch may put into the LSM tree itself, in bytes: keys, and values
	// shorter than ValueThreshold. Badger refuses transactions above 15 % of a memtable.
	MaxInline = 8 << 20
	// MaxOps is the most operations of a batch, the manifest and trimming not counted.
	MaxOps = 20_000
	// ValueThreshold is the length from which a value goes to the value log.
	ValueThreshold = 1024
	// WriteCredit is how many bytes of unanswered batches the mirror may have under way.
	WriteCredit = 2 * MaxBatch
	// ReadCredit is how many reads may be unanswered.
	ReadCredit = 16
)

// MetaPrefix begins the keys that belong to the mirror itself; no other key begins with it.
const MetaPrefix = 0x00

// Errors a volume or its client answers with.
var (
	// ErrFrame is bytes on the socket that are no frame of this protocol.
	ErrFrame = errors.New("bytes that are no frame of the volume protocol")
	// ErrClosed is a volume whose socket is closed: nothing is known of what was under way.
	ErrClosed = errors.New("the volume's connection is closed")
	// ErrRefused is a request the volume did not carry out, with nothing written.
	ErrRefused = errors.New("the volume refused")
	// ErrUncertain is a write of which nobody can say whether it is on the disk.
	ErrUncertain = errors.New("the volume cannot say whether it wrote")
	// ErrNoSpace is a write refused before it could run the disk full.
	ErrNoSpace = errors.New("the volume's free space is at its floor")
	// ErrNotFound is a key that is not there.
	ErrNotFound = errors.New("no such key in the volume")
	// ErrDamaged is a key whose value cannot be read.
	ErrDamaged = errors.New("the volume cannot read the value")
	// ErrSuperblock is a superblock that is missing, torn, or not a superblock.
	ErrSuperblock = errors.New("no valid superblock")
	// ErrLocked is a volume another process has open.
	ErrLocked = errors.New("another process has the volume open")
	// ErrWillNotOpen is a Badger that does not open: the volume has to be rebuilt.
	ErrWillNotOpen = errors.New("the volume's database does not open")
	// ErrUnmounted is a volume whose path leads elsewhere than when it was opened.
	ErrUnmounted = errors.New("another file system lies at the volume's path")
	// ErrReadOnly is a volume whose file system was mounted again read-only.
	ErrReadOnly = errors.New("the volume's file system is mounted read-only")
	// ErrExists is a directory that already holds a volume.
	ErrExists = errors.New("the directory already holds a volume")
)
