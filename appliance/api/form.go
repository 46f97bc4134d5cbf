package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"

	"casemate/appliance/web"
	"casemate/store"
)

const (
	largeForm     = 128 << 10 // buffer of a form that is large, or whose size is not told
	smallForm     = 32 << 10
	maxPartHeader = 16 << 10 // a name of wire.MaxName bytes, percent-encoded, and room
)

// formReader reads a multipart/form-data body (RFC 7578, RFC 2046 5.1.1) as it arrives.
//
// Why not mime/multipart: when the body ends within the header of a part, its NextPart
// says io.EOF, exactly as at the closing boundary, so that a form cut in the middle
// looks whole and a document would be sealed without its last files. Here nothing but
// the closing boundary is an end.
//
// It takes what programs write: no preamble, CRLF alone, no padding behind a boundary.
// A line that begins with the boundary is a boundary, and must be one (RFC 2046).
type formReader struct {
	body      io.Reader
	delimiter []byte // CRLF "--" boundary
	buffer    []byte
	start     int // of what was not given out yet
	end       int
	ready     int  // bytes of the part, from start, in which no delimiter begins
	last      bool // a delimiter follows them
	closed    bool
}

// newFormReader reads a body of a length told, or -1; its first line counts as if a line
// stood before it.
func newFormReader(body io.Reader, length int64, boundary string) *formReader {
	size := largeForm
	if length >= 0 && length < smallForm {
		size = smallForm
	}
	f := &formReader{body: body, delimiter: []byte("\r\n--" + boundary), buffer: make([]byte, size), last: true}
	f.end = copy(f.buffer, "\r\n")
	return f
}

// next leaves the current part and gives the header of the following one; io.EOF is the
// closing boundary and nothing else.
func (f *formReader) next() (textproto.MIMEHeader, error) {
	if f.closed {
		return nil, io.EOF
	}
	for !f.last { // what nobody read of the current part
		f.start += f.ready
		if err := f.scan(); err != nil {
			return nil, err
		}
	}
	f.start += f.ready
	f.ready = 0
	if err := f.need(len(f.delimiter) + 2); err != nil {
		return nil, err
	}
	line := f.buffer[f.start : f.start+len(f.delimiter)+2]
	if !bytes.HasPrefix(line, f.delimiter) {
		return nil, badForm("the body does not begin with its boundary")
	}
	f.start += len(f.delimiter) // the line's own CRLF may be half of an empty line
	switch string(line[len(f.delimiter):]) {
	case "--":
		f.closed = true
		f.start += len("--")
		return nil, f.nothingFollows()
	case "\r\n":
		return f.header()
	default:
		return nil, badForm("a line begins with the boundary and is none")
	}
}

// nothingFollows is io.EOF when the body ends with its closing boundary. RFC 2046 allows an epilogue
// there, to be ignored; what a program writes there is a file that would be sealed without.
func (f *formReader) nothingFollows() error {
	rest, err := io.ReadAll(io.LimitReader(f.body, maxEpilogue))
	if err != nil {
		return broken(err)
	}
	rest = append(f.buffer[f.start:f.end:f.end], rest...)
	if len(bytes.Trim(rest, "\r\n")) > 0 || len(rest) > maxEpilogue {
		return badForm("something follows the closing boundary")
	}
	return io.EOF
}

const maxEpilogue = 64

// header reads up to the empty line and stands at the part's first byte.
func (f *formReader) header() (textproto.MIMEHeader, error) {
	empty := []byte("\r\n\r\n")
	for looked := 0; ; {
		i := bytes.Index(f.buffer[f.start+looked:f.end], empty)
		if i < 0 && f.end-f.start > maxPartHeader || looked+i > maxPartHeader {
			return nil, fmt.Errorf("%w: more than %d bytes in the header of a part", web.ErrTooLarge, maxPartHeader)
		}
		if i >= 0 {
			block := f.buffer[f.start+2 : f.start+looked+i+len(empty)]
			f.start += 2 + len(block)
			f.last = false
			h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(block))).ReadMIMEHeader()
			if err != nil {
				return nil, badForm("the header of a part is not well formed")
			}
			return h, f.scan()
		}
		looked = max(0, f.end-f.start-len(empty)+1)
		if err := f.need(f.end - f.start + 1); err != nil {
			return nil, err
		}
	}
}

// Read gives bytes of the current part; io.EOF is the boundary behind it.
func (f *formReader) Read(p []byte) (int, error) {
	for f.ready == 0 && !f.last {
		if err := f.scan(); err != nil {
			return 0, err
		}
	}
	if f.ready == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.buffer[f.start:f.start+f.ready])
	f.start += n
	f.ready -= n
	return n, nil
}

// scan finds how much of what is buffered is surely the part's. It reads more only when
// nothing is.
func (f *formReader) scan() error {
	for wanted := len(f.delimiter); ; wanted = f.end - f.start + 1 {
		if err := f.need(wanted); err != nil {
			return err
		}
		have := f.buffer[f.start:f.end]
		if i := bytes.Index(have, f.delimiter); i >= 0 {
			f.ready, f.last = i, true
			return nil
		}
		if f.ready = len(have) - len(f.delimiter) + 1; f.ready > 0 {
			return nil
		}
	}
}

// need buffers at least n bytes from start; n is small against the buffer.
func (f *formReader) need(n int) error {
	for f.end-f.start < n {
		if f.start+n > len(f.buffer) || f.end == len(f.buffer) {
			f.end = copy(f.buffer, f.buffer[f.start:f.end])
			f.start = 0
		}
		got, err := f.body.Read(f.buffer[f.end:])
		f.end += got
		if err != nil && f.end-f.start < n {
			return broken(err)
		}
	}
	return nil
}

// broken is an error of reading a body. It never wraps io.EOF: whoever asks for the end
// of a part must not find it in the end of the connection.
func broken(err error) error {
	if errors.Is(err, web.ErrTooSlow) {
		return err
	}
	return fmt.Errorf("%w: %v", store.ErrIncomplete, err) //nolint:errorlint // see above
}

func badForm(why string) error { return fmt.Errorf("%w: the form: %s", web.ErrBadRequest, why) }
