package setup

import (
	"errors"
	"strings"
	"testing"
)

const whole = `
language = "fr"
origin = "casemate.example/box"
names = ["box.example", "192.0.2.7"]
listen = "[::]:8443"
monitor = "127.0.0.1:9464"
demonstration = true
offline = true
same_disk = true
recovery = "recovery.pem"
[[volume]]
dir = "a"
[[volume]]
dir = "/srv/b"
device = "/dev/sdb"
erase = "/dev/disk/by-id/x"
[token]
module = "/usr/lib/x.so"
label = "casemate"
serial = "1"
pin_file = "pin"
so_pin_file = "/root/so"
[clock]
servers = ["ntp.example"]
policy = "flag"
[[authority]]
name = "x"
url = "http://tsa.example/"
roots = "tsa.pem"
policies = ["1.2.3"]
[[person]]
name = "ada"
roles = ["administrator"]
csr = "ada.csr"
`

func TestAnswersAreReadWhole(t *testing.T) {
	a, err := ParseAnswers([]byte(whole), "/dir")
	if err != nil {
		t.Fatal(err)
	}
	if a.Volumes[0].Dir != "/dir/a" || a.Volumes[1].Dir != "/srv/b" || a.Token.PINFile != "/dir/pin" || a.Recovery != "/dir/recovery.pem" || a.Token.SOPINFile != "/root/so" ||
		a.Authorities[0].Roots != "/dir/tsa.pem" || a.Persons[0].CSR != "/dir/ada.csr" || !a.Offline || !a.SameDisk || !a.Demonstration ||
		a.Volumes[1].Erase != "/dev/disk/by-id/x" || a.Clock.Policy != "flag" || a.Monitor != "127.0.0.1:9464" {
		t.Errorf("%+v", a)
	}
	// What is left out stays nothing: no path is made of it.
	if a, err := ParseAnswers(nil, "/dir"); err != nil || a.Token.Module != "" || a.Token.PINFile != "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAnswersAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"an unknown key":     {"origin = \"x\"\ncolour = 1\n", "line 2: no such key: [colour]"},
		"one in a table":     {"[token]\npin = \"1234\"\n", "[token pin]"},
		"several":            {"a = 1\nb = 2\n", "line 2"},
		"another type":       {"names = \"x\"\n", "line 1"},
		"broken TOML":        {"origin = \n", "line 1"},
		"a key given twice":  {"origin = \"a\"\norigin = \"b\"\n", "origin"},
		"too long":           {strings.Repeat("#", maxAnswers+1), "longer"},
		"no UTF-8":           {"origin = \"\xff\"\n", ""},
		"a volume, no table": {"volume = 1\n", "line 1"},
	} {
		if _, err := ParseAnswers([]byte(c.text), "/"); !errors.Is(err, ErrAnswers) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("[[volume]]\ndir = 1"))
	f.Add([]byte("volume = [{dir=\"a\"}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ParseAnswers(text, "/dir")
		if err != nil && !errors.Is(err, ErrAnswers) {
			t.Errorf("an error of no kind: %v", err)
		}
		for _, v := range a.Volumes {
			if v.Dir != "" && !strings.HasPrefix(v.Dir, "/") {
				t.Errorf("a path that leads nowhere: %q", v.Dir)
			}
		}
	})
}
