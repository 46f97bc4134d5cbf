package proof

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Sizes and signatures of the ZIP format (PKWARE APPNOTE 6.3.10, 4.3).
const (
	localSize           = 30
	localSignature      = 0x04034b50
	descriptorSignature = 0x08074b50
	centralSignature    = 0x02014b50
	end64Signature      = 0x06064b50
	locatorSignature    = 0x07064b50
	endSignature        = 0x06054b50
	flagDescriptor      = 0x8
	version45           = 45 // the first with ZIP64
)

// checkLayout wants the container to be its entries and their list and nothing
// else: entries one after the other from the first byte, each calling itself
// what the list calls it, then at once the list and its end, then nothing. Every
// byte that is no content is written again, as WriteReceipt writes it, and
// compared; only dates, versions and attributes are taken from the list as they
// are. So no program that walks the file another way finds another receipt.
func checkLayout(r io.ReaderAt, size int64, files []*zip.File) error {
	var list []byte
	var at uint64
	for _, f := range files {
		begin := localHeader(f)
		if !stands(r, at, begin) {
			return fmt.Errorf("%w: where %q should begin there is something that its list of entries does not name", ErrContainer, f.Name)
		}
		list = appendCentral(list, f, at)
		at += uint64(len(begin)) + f.CompressedSize64
		ending := descriptor(f)
		if !stands(r, at, ending) {
			return fmt.Errorf("%w: %q does not end where its list of entries says", ErrContainer, f.Name)
		}
		at += uint64(len(ending))
	}
	list = appendEnd(list, len(files), at)
	if uint64(size) != at+uint64(len(list)) || !stands(r, at, list) {
		return fmt.Errorf("%w: after its entries there is something else than their list: it was appended to, or hides something", ErrContainer)
	}
	return nil
}

// stands says whether want is what r holds at this place.
func stands(r io.ReaderAt, at uint64, want []byte) bool {
	if at > math.MaxInt64 {
		return false
	}
	got := make([]byte, len(want))
	n, _ := r.ReadAt(got, int64(at)) // what could not be read differs
	return n == len(want) && bytes.Equal(got, want)
}

// short is a size as a field of 32 bits holds it: all ones say "see ZIP64".
func short(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// localHeader is what stands before an entry's content.
func localHeader(f *zip.File) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, localSize+len(f.Name)), localSignature)
	version := f.ReaderVersion
	if f.Flags&flagDescriptor != 0 && f.CompressedSize64 >= math.MaxUint32 {
		version = zipVersion // when it was written nobody knew that it would need ZIP64
	}
	for _, v := range []uint16{version, f.Flags, f.Method, f.ModifiedTime, f.ModifiedDate} { //nolint:staticcheck // the fields as they are, not a time
		b = le.AppendUint16(b, v)
	}
	if f.Flags&flagDescriptor != 0 {
		b = append(b, make([]byte, 12)...) // they follow the content
	} else {
		b = le.AppendUint32(b, f.CRC32)
		b = le.AppendUint32(b, short(f.CompressedSize64))
		b = le.AppendUint32(b, short(f.UncompressedSize64))
	}
	b = le.AppendUint16(b, uint16(len(f.Name))) // read from a field of that width
	b = le.AppendUint16(b, 0)
	return append(b, f.Name...)
}

// descriptor is what stands after an entry's content; nothing if its header
// told sum and size.
func descriptor(f *zip.File) []byte {
	if f.Flags&flagDescriptor == 0 {
		return nil
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, descriptorSignature)
	b = le.AppendUint32(b, f.CRC32)
	if f.CompressedSize64 >= math.MaxUint32 {
		b = le.AppendUint64(b, f.CompressedSize64)
		return le.AppendUint64(b, f.UncompressedSize64)
	}
	b = le.AppendUint32(b, short(f.CompressedSize64))
	return le.AppendUint32(b, short(f.UncompressedSize64))
}

// appendCentral adds the entry that begins at this place to the list.
func appendCentral(b []byte, f *zip.File, at uint64) []byte {
	le := binary.LittleEndian
	compressed, uncompressed := short(f.CompressedSize64), short(f.UncompressedSize64)
	var extra []byte
	if f.CompressedSize64 >= math.MaxUint32 || at >= math.MaxUint32 {
		compressed, uncompressed = math.MaxUint32, math.MaxUint32
		extra = []byte{1, 0, 24, 0}
		for _, v := range []uint64{f.UncompressedSize64, f.CompressedSize64, at} {
			extra = le.AppendUint64(extra, v)
		}
	}
	b = le.AppendUint32(b, centralSignature)
	for _, v := range []uint16{f.CreatorVersion, f.ReaderVersion, f.Flags, f.Method, f.ModifiedTime, f.ModifiedDate} { //nolint:staticcheck // as above
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, f.CRC32)
	b = le.AppendUint32(b, compressed)
	b = le.AppendUint32(b, uncompressed)
	b = le.AppendUint16(b, uint16(len(f.Name)))
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(b, make([]byte, 6)...) // no comment, the only disk, no attributes of the content
	b = le.AppendUint32(b, f.ExternalAttrs)
	b = le.AppendUint32(b, short(at))
	return append(append(b, f.Name...), extra...)
}

// appendEnd adds to the list, which begins at this place, what ends the file.
func appendEnd(list []byte, entries int, at uint64) []byte {
	le := binary.LittleEndian
	count, size, b := uint16(entries), uint32(len(list)), list // both far below their width
	if at >= math.MaxUint32 {
		b = le.AppendUint32(b, end64Signature)
		b = le.AppendUint64(b, 44)
		b = le.AppendUint16(b, version45)
		b = le.AppendUint16(b, version45)
		b = le.AppendUint64(b, 0)
		for _, v := range []uint64{uint64(count), uint64(count), uint64(size), at} {
			b = le.AppendUint64(b, v)
		}
		b = le.AppendUint32(b, locatorSignature)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, at+uint64(size))
		b = le.AppendUint32(b, 1)
		count, size = math.MaxUint16, math.MaxUint32
	}
	b = le.AppendUint32(b, endSignature)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, count)
	b = le.AppendUint16(b, count)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, short(at))
	return le.AppendUint16(b, 0)
}
