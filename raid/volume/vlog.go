package volume

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Badger's value log, as version 4.9.6 writes it: a header of 20 bytes (key number, nonce), then
// entries: meta, user meta (a byte each), lengths of key and value, time of expiry (varints), key,
// value, CRC32C of all that, big endian. A log that is no longer written to ends with its last entry.
const (
	vlogHeader   = 20
	vlogMaxKey   = 1 << 16
	vlogTxn      = 1 << 6 // marks of transactions, which a value log never holds
	vlogTxnEnd   = 1 << 7
	vlogReadAt   = 64 << 10
	discardEntry = 16
)

// ErrRotten is a value log that does not read to its end as it was written. Badger's collection would
// throw away what lies behind the damage.
var ErrRotten = errors.New("a value log is damaged")

// CheckValueLog reads a value log that is no longer written to, from its beginning to its last byte,
// and checks every entry. It gives the bytes it read.
func CheckValueLog(r io.Reader) (int64, error) {
	in := &crcReader{in: bufio.NewReaderSize(r, vlogReadAt)}
	if _, err := io.ReadFull(in.in, make([]byte, vlogHeader)); err != nil {
		return 0, fmt.Errorf("%w: its header: %w", ErrRotten, err)
	}
	at := int64(vlogHeader)
	for {
		n, err := in.entry()
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return at, fmt.Errorf("%w at byte %d: %w", ErrRotten, at, err)
		}
		at += n
	}
}

// crcReader reads bytes and sums them.
type crcReader struct {
	in  *bufio.Reader
	sum uint32
	n   int64
	one [1]byte
	buf []byte
}

func (c *crcReader) ReadByte() (byte, error) {
	b, err := c.in.ReadByte()
	if err == nil {
		c.one[0] = b
		c.sum, c.n = crc32.Update(c.sum, castagnoli, c.one[:]), c.n+1
	}
	return b, err
}

// entry checks one entry and gives its length; io.EOF alone is the end of the log.
func (c *crcReader) entry() (int64, error) {
	c.sum, c.n = 0, 0
	meta, err := c.ReadByte()
	if err != nil {
		return 0, err
	}
	if _, err := c.ReadByte(); err != nil {
		return 0, torn(err)
	}
	var length [3]uint64
	for i := range length {
		if length[i], err = binary.ReadUvarint(c); err != nil {
			return 0, torn(err)
		}
	}
	key, value := length[0], length[1]
	if key == 0 || key > vlogMaxKey || value > MaxValue || meta&(vlogTxn|vlogTxnEnd) != 0 {
		return 0, fmt.Errorf("an entry of key %d, value %d, meta %d", key, value, meta)
	}
	if uint64(len(c.buf)) < key+value {
		c.buf = make([]byte, key+value)
	}
	body := c.buf[:key+value]
	if _, err := io.ReadFull(c.in, body); err != nil {
		return 0, torn(err)
	}
	c.sum = crc32.Update(c.sum, castagnoli, body)
	var sum [4]byte
	if _, err := io.ReadFull(c.in, sum[:]); err != nil {
		return 0, torn(err)
	}
	if binary.BigEndian.Uint32(sum[:]) != c.sum {
		return 0, errors.New("its checksum does not match")
	}
	return c.n + int64(len(body)) + int64(len(sum)), nil
}

func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sealedLogs names the value logs that are no longer written to: all but the newest.
func sealedLogs(database string) ([]string, error) {
	logs, err := filepath.Glob(filepath.Join(database, "*.vlog"))
	if err != nil || len(logs) == 0 {
		return nil, err
	}
	slices.Sort(logs)
	return logs[:len(logs)-1], nil
}

// newestLog names the value log that was written to last, empty if there is none.
func newestLog(database string) (string, error) {
	logs, err := filepath.Glob(filepath.Join(database, "*.vlog"))
	if err != nil || len(logs) == 0 {
		return "", err
	}
	return slices.Max(logs), nil
}

// checkLog checks one sealed value log file.
func checkLog(path string) (int64, error) {
	f, err := os.Open(path) // #nosec G304 -- our own directory
	if err != nil {
		return 0, err
	}
	n, err := CheckValueLog(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return n, errors.Join(err, f.Close())
}

// discards gives how many bytes of each value log are worth nothing, as far as Badger knows. It keeps those
// of logs that are gone.
func discards(database string) (map[uint64]int64, error) {
	b, err := os.ReadFile(filepath.Join(database, "DISCARD")) // #nosec G304 -- our own directory
	if err != nil {
		return nil, err
	}
	list := map[uint64]int64{}
	for ; len(b) >= discardEntry; b = b[discardEntry:] {
		number, bytes := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		if number == 0 {
			break
		}
		list[number] = int64(min(bytes, 1<<40)) // #nosec G115 -- bounded
	}
	return list, nil
}

// candidate gives the value log that Badger would collect now, the one with most bytes worth nothing; empty
// if there is none. A merge of tables may change it at any time.
func candidate(database string) (name string, err error) {
	list, err := discards(database)
	var most int64
	for _, number := range slices.Sorted(maps.Keys(list)) {
		bytes := list[number]
		if path := logPath(database, number); bytes > most {
			if _, err := os.Stat(path); err == nil {
				name, most = path, bytes
			}
		}
	}
	return name, err
}

func logPath(database string, number uint64) string {
	return filepath.Join(database, fmt.Sprintf("%06d.vlog", number))
}

// behind gives how many bytes of a value log lie between where it reads no further and its last byte
// that is not zero: none in one that is merely longer than what was written.
func behind(path string, from int64) (size int64, err error) {
	f, err := os.Open(path) // #nosec G304 -- our own directory
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, err
	}
	buf := make([]byte, vlogReadAt)
	for at := int64(0); ; {
		n, err := f.Read(buf)
		if last := lastNonZero(buf[:n]); last >= 0 {
			size = at + int64(last) + 1
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return max(size, 1), err
		}
	}
}

func lastNonZero(b []byte) int {
	return len(bytes.TrimRight(b, "\x00")) - 1
}
