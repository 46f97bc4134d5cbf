package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Limits of a list of mounts; a machine of containers has hundreds.
const (
	maxMounts    = 100_000
	maxMountLine = 64 << 10
)

// mount is one line of /proc/self/mountinfo (proc(5)).
type mount struct {
	id      int
	device  string // major:minor
	root    string // the part of the file system that is mounted
	point   string
	options []string // of the mount, then of the file system
	fsType  string
	source  string
}

// readOnly: either the mount or the file system takes no writes.
func (m mount) readOnly() bool { return slices.Contains(m.options, "ro") }

// parseMounts reads the whole list. A line that is not as proc(5) has it fails all of it.
func parseMounts(r io.Reader) ([]mount, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxMountLine)
	var mounts []mount
	for lines.Scan() {
		if len(mounts) == maxMounts {
			return nil, fmt.Errorf("more than %d mounts", maxMounts)
		}
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d of the list of mounts: %w", len(mounts)+1, err)
		}
		mounts = append(mounts, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the list of mounts: %w", err)
	}
	return mounts, nil
}

// parseMount reads one line: identifier, parent, device, root, mount point, options, any number of
// tags, "-", type, source, options of the file system.
func parseMount(line string) (mount, error) {
	fields := strings.Split(line, " ")
	dash := slices.Index(fields, "-")
	if dash < 6 || len(fields) != dash+4 {
		return mount{}, errors.New("not of the form of proc(5)")
	}
	id, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil {
		return mount{}, fmt.Errorf("its identifier: %w", err)
	}
	if _, err := strconv.ParseUint(fields[1], 10, 31); err != nil {
		return mount{}, fmt.Errorf("its parent: %w", err)
	}
	m := mount{id: int(id), device: fields[2]}
	major, minor, _ := strings.Cut(m.device, ":")
	_, err1 := strconv.ParseUint(major, 10, 32)
	_, err2 := strconv.ParseUint(minor, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return mount{}, fmt.Errorf("its device: %w", err)
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&m.root, fields[3]}, {&m.point, fields[4]}, {&m.fsType, fields[dash+1]}, {&m.source, fields[dash+2]}} {
		if *f.to, err = unescape(f.from); err != nil {
			return mount{}, err
		}
	}
	if !strings.HasPrefix(m.point, "/") {
		return mount{}, fmt.Errorf("the mount point %q is not absolute", m.point)
	}
	m.options = append(strings.Split(fields[5], ","), strings.Split(fields[dash+3], ",")...)
	return m, nil
}

// unescape undoes what the kernel does to blanks, tabs, line feeds, backslashes and "#": \ and three
// octal digits.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+4 > len(s) {
			return "", fmt.Errorf("%q ends within an escape", s)
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
		b.WriteByte(byte(n))
		i += 3
	}
	return b.String(), nil
}
