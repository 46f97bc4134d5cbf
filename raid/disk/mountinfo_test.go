package disk

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	got, err := parseMounts(strings.NewReader(`27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - xfs /dev/disk\040one ro,errors=continue
28 27 0:25 / /mnt/new\012line\134\043 ro,nosuid shared:7 - tmpfs  rw,size=4k
`))
	want := []mount{
		{id: 27, device: "254:0", root: "/", point: "/", options: []string{"rw", "relatime", "rw", "discard"}, fsType: "ext4", source: "/dev/vda"},
		{id: 36, device: "98:0", root: "/mnt1", point: "/mnt2", options: []string{"rw", "noatime", "ro", "errors=continue"}, fsType: "xfs", source: "/dev/disk one"},
		{id: 28, device: "0:25", root: "/", point: "/mnt/new\nline\\#", options: []string{"ro", "nosuid", "rw", "size=4k"}, fsType: "tmpfs"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	if got[0].readOnly() || !got[1].readOnly() || !got[2].readOnly() {
		t.Error("read-only is a word of the mount or of the file system")
	}
}

func TestParseMountsRefuses(t *testing.T) {
	const good = `27 1 254:0 / / rw - ext4 /dev/vda rw`
	for name, line := range map[string]string{
		"empty":           "",
		"no dash":         strings.Replace(good, " -", "", 1),
		"early dash":      `27 1 254:0 / / - ext4 /dev/vda rw`,
		"too few":         `27 1 254:0 / / rw - ext4 /dev/vda`,
		"too many":        good + " x",
		"two blanks":      strings.Replace(good, " - ", "  - ", 1) + " ",
		"negative":        "-" + good,
		"big":             "9" + strings.Repeat("9", 12) + good,
		"parent":          `27 x 254:0 / / rw - ext4 /dev/vda rw`,
		"no minor":        `27 1 254 / / rw - ext4 /dev/vda rw`,
		"bad minor":       `27 1 254:x / / rw - ext4 /dev/vda rw`,
		"relative":        `27 1 254:0 / mnt rw - ext4 /dev/vda rw`,
		"escape cut":      `27 1 254:0 / /mnt\04 rw - ext4 /dev/vda rw`,
		"escape no octal": `27 1 254:0 / /mnt\098 rw - ext4 /dev/vda rw`,
		"escape too big":  `27 1 254:0 / /mnt\777 rw - ext4 /dev/vda rw`,
		"long":            `27 1 254:0 / /` + strings.Repeat("x", maxMountLine) + ` rw - ext4 /dev/vda rw`,
	} {
		if m, err := parseMounts(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%s: accepted as %+v", name, m)
		}
	}
}

// The kernel's own list, whatever is mounted here.
func TestParseMountsOfThisMachine(t *testing.T) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mounts, err := parseMounts(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		if !filepath.IsAbs(m.point) || m.fsType == "" {
			t.Errorf("%+v", m)
		}
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n")
	f.Add("36 35 98:0 /mnt1 /mnt2\\040 rw master:1 - xfs  ro\n")
	f.Add("1 1 1:1 - - - - - - -\n")
	f.Fuzz(func(t *testing.T, s string) {
		mounts, err := parseMounts(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, m := range mounts {
			if m.id < 0 || !strings.HasPrefix(m.point, "/") || strings.Count(m.device, ":") != 1 || len(m.options) < 2 {
				t.Errorf("%q was accepted as %+v", s, m)
			}
		}
	})
}
