package appliance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	issuer = strings.Repeat("ab", 32)
	good   = `
origin = "casemate.example/safe-1"
demonstration = true
[http]
listen = "127.0.0.1:8443"
[hsm]
start = true
module = "/usr/lib/softhsm/libsofthsm2.so"
pin_file = "secrets/pin"
timeout = "3s"
[volumes]
dirs = ["volumes/a", "/mnt/b"]
min_free = "64 MiB"
[clock]
servers = ["127.0.0.1:11123", "ntp.example"]
min_servers = 2
policy = "flag"
[timestamp]
alarm_after = "2d"
[[timestamp.authority]]
name = "one"
url = "http://127.0.0.1:3180/tsa"
roots = "trust/tsa.pem"
policies = ["1.2.3.4.1"]
[[caller]]
name = "Ada"
issuer = "` + issuer + `"
serial = "0A:1b"
roles = ["depositor", "reader"]
vaults = ["*"]
[[revoked]]
issuer = "` + issuer + `"
serial = "2"
`
)

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(good), "/srv/safe")
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"origin":        {c.Origin, "casemate.example/safe-1"},
		"demonstration": {c.Demonstration, true},
		"default path":  {c.State, "/srv/safe/state"},
		"nested":        {c.HSM.Socket, "/srv/safe/run/hsm.sock"},
		"given path":    {c.HSM.PINFile, "/srv/safe/secrets/pin"},
		"no path":       {c.HSM.SoftHSMConf, ""},
		"relative":      {c.Volumes.Dirs[0], "/srv/safe/volumes/a"},
		"absolute":      {c.Volumes.Dirs[1], "/mnt/b"},
		"size":          {c.Volumes.MinFree, int64(64 << 20)},
		"duration":      {c.HSM.Timeout, 3 * time.Second},
		"days":          {c.Timestamp.AlarmAfter, 48 * time.Hour},
		"default":       {c.Timestamp.Interval, 10 * time.Minute},
		"in a list":     {c.Timestamp.Authorities[0].Roots, "/srv/safe/trust/tsa.pem"},
		"list default":  {c.Timestamp.Authorities[0].Timeout, 10 * time.Second},
		"number":        {c.Clock.MinServers, 2},
		"caller":        {c.Callers[0].Name, "Ada"},
		"control":       {c.ControlSocket(), c.State + "/control.sock"},
		"copies":        {c.Volumes.MinCopies, 1},
		"scrub":         {c.Scrub.Every, 30 * 24 * time.Hour},
		"revoked":       {c.Revoked[0].Serial, "2"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	entries, revoked := c.callers()
	if len(entries) != 1 || entries[0].Roles[1] != "reader" || len(revoked) != 1 {
		t.Errorf("callers %v, revoked %v", entries, revoked)
	}
}

// Each fault is told with its key and with what may stand there.
func TestConfigFaults(t *testing.T) {
	for _, c := range []struct{ name, from, to, key, says string }{
		{"unknown key", "demonstration = true", "demo = true", "demo:", "no such key"},
		{"unknown table", "[volumes]", "[volume]\nx=1\n[volumes]", "volume:", "one of"},
		{"unknown in list", `name = "Ada"`, "name = \"Ada\"\ncolour = 1", "caller[1].colour:", "issuer, name, roles"},
		{"wrong type", "start = true", `start = "yes"`, "hsm.start:", "true or false"},
		{"text wanted", `listen = "127.0.0.1:8443"`, "listen = 8443", "http.listen: 8443 is not text", "address and a port"},
		{"list wanted", `["volumes/a", "/mnt/b"]`, `"volumes/a"`, "volumes.dirs:", "two to eight"},
		{"element type", `["volumes/a", "/mnt/b"]`, `["volumes/a", 3]`, "volumes.dirs[2]:", "two to eight"},
		{"table wanted", "[hsm]\nstart = true", "[hsm2]\nstart = true", "hsm2:", "no such key"},
		{"number wanted", "min_servers = 2", "min_servers = 2.5", "clock.min_servers:", "how many"},
		{"duration number", `timeout = "3s"`, "timeout = 3", "hsm.timeout:", "100ms to 5m"},
		{"duration text", `timeout = "3s"`, `timeout = "soon"`, "hsm.timeout:", "100ms to 5m"},
		{"duration bounds", `timeout = "3s"`, `timeout = "9h"`, "hsm.timeout:", "100ms to 5m"},
		{"size unit", `"64 MiB"`, `"64"`, "volumes.min_free:", "16MiB"},
		{"size overflow", `"64 MiB"`, `"99999999999TiB"`, "volumes.min_free:", "16MiB"},
		{"size negative", `"64 MiB"`, `"-1MiB"`, "volumes.min_free:", "16MiB"},
		{"size bounds", `"64 MiB"`, `"1MiB"`, "volumes.min_free:", "16MiB"},
		{"origin", "casemate.example/safe-1", "Casemate Safe", "origin:", "casemate.example/safe-1"},
		{"no port", "127.0.0.1:8443", "127.0.0.1", "http.listen:", "127.0.0.1:8443"},
		{"port too high", "127.0.0.1:8443", "127.0.0.1:99999", "http.listen:", "127.0.0.1:8443"},
		{"no module", `module = "/usr/lib/softhsm/libsofthsm2.so"`, "", "hsm.module:", "PKCS#11"},
		{"long socket", "start = true", `socket = "/` + strings.Repeat("x", 110) + `"`, "hsm.socket:", "107"},
		{"one volume", `["volumes/a", "/mnt/b"]`, `["volumes/a"]`, "volumes.dirs:", "two to eight"},
		{"same volume", `["volumes/a", "/mnt/b"]`, `["a", "x/../a"]`, "volumes.dirs:", "two to eight"},
		{"nested volume", `["volumes/a", "/mnt/b"]`, `["a", "a/b"]`, "volumes.dirs:", "two to eight"},
		{"more copies than volumes", "[clock]", "min_copies = 3\n[clock]", "volumes.min_copies:", "number of folders"},
		{"no copies", "[clock]", "min_copies = 0\n[clock]", "volumes.min_copies:", "from 1"},
		{"hasty spare", "[clock]", "spare_after = \"0s\"\n[clock]", "volumes.spare_after:", "1s to 7d"},
		{"no budget", "[clock]", "error_budget = 0\n[clock]", "volumes.error_budget:", "1 to 256"},
		{"rare scrub", "[clock]", "[scrub]\nevery = \"31d\"\n[clock]", "scrub.every:", "1h to 30d"},
		{"slow scrub", "[clock]", "[scrub]\nrate = \"1kB\"\n[clock]", "scrub.rate:", "1MiB"},
		{"long control socket", "[clock]", "[control]\nsocket = \"/" + strings.Repeat("x", 110) + "\"\n[clock]", "control.socket:", "107"},
		{"too many wanted", "min_servers = 2", "min_servers = 3", "clock.min_servers:", "number of servers"},
		{"server", `"ntp.example"`, `"ntp example"`, "clock.servers:", "NTP"},
		{"server twice", `"ntp.example"`, `"127.0.0.1:11123"`, "clock.servers:", "twice"},
		{"policy", `policy = "flag"`, `policy = "hope"`, "clock.policy:", "refuse or flag"},
		{"alarm", `alarm_after = "2d"`, `alarm_after = "1m"`, "timestamp.alarm_after:", "longer than"},
		{"tsa url", "http://127.0.0.1:3180/tsa", "ftp://x", "timestamp.authority[1].url:", "http or https"},
		{"tsa oid", "1.2.3.4.1", "one", "timestamp.authority[1].policies:", "1.2.3"},
		{"tsa roots", `roots = "trust/tsa.pem"`, "", "timestamp.authority[1].roots:", "PEM"},
		{"issuer", issuer, "abc", "caller[1].issuer:", "64 hexadecimal"},
		{"serial", "0A:1b", "xyz", "caller[1].serial:", "hexadecimal"},
		{"role", `"reader"`, `"king"`, "caller[1].roles:", "depositor, reader"},
		{"no roles", `roles = ["depositor", "reader"]`, "", "caller[1].roles:", "depositor, reader"},
		{"revoked", "serial = \"2\"", "serial = \"0\"", "revoked[1].serial:", "hexadecimal"},
		{"nul", "casemate.example/safe-1", `a\u0000b`, "origin:", "lower-case"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.from, c.to, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			_, err := ParseConfig([]byte(text), "/srv/safe")
			if !errors.Is(err, ErrConfig) {
				t.Fatalf("%v, want ErrConfig", err)
			}
			if !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwants %q and %q", err, c.key, c.says)
			}
		})
	}
}

// All faults come at once, a value that could not be read is told once.
func TestConfigFaultsTogether(t *testing.T) {
	text := strings.NewReplacer(`policy = "flag"`, "policy = 7", "start = true", "begin = true",
		`min_free = "64 MiB"`, `min_free = "lots"`, `"reader"`, `"king"`).Replace(good)
	_, err := ParseConfig([]byte(text), "/srv/safe")
	if err == nil {
		t.Fatal("accepted")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("want a heading and four faults:\n%v", err)
	}
}

func TestConfigSyntax(t *testing.T) {
	for name, text := range map[string]string{
		"broken":        "origin = ",
		"duplicate key": good + "\n[volumes]\n",
		"invalid UTF-8": "origin = \"\xff\"",
	} {
		if _, err := ParseConfig([]byte(text), "/"); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		} else if name == "broken" && !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%v names no line", err)
		}
	}
}

func TestConfigDuplicateCaller(t *testing.T) {
	again := "\n[[caller]]\nname=\"Eve\"\nissuer=\"" + strings.ToUpper(issuer) + "\"\nserial=\"a1b\"\nroles=[\"reader\"]\n"
	_, err := ParseConfig([]byte(good+again), "/srv/safe")
	if err == nil || !strings.Contains(err.Error(), "caller[2].serial: caller 1 has this certificate") {
		t.Errorf("%v", err)
	}
}

// A URL that is refused is not repeated: people put passwords there.
func TestConfigKeepsSecrets(t *testing.T) {
	_, err := ParseConfig([]byte(strings.Replace(good, "http://127", "http://u:hunter2@127", 1)), "/")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "casemate.toml")
	if err := os.WriteFile(file, []byte(strings.Replace(good, "run/hsm.sock", "h", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "state"); c.State != want {
		t.Errorf("state %q, want %q", c.State, want)
	}
	if _, err := LoadConfig(filepath.Join(dir, "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(file, make([]byte, maxConfig+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(file); !errors.Is(err, ErrConfig) {
		t.Errorf("oversized file: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[[caller]]\nroles=[1]\n[http]\nlisten=[]"))
	f.Add([]byte("http = 1\ntimestamp.authority = 3\nvolumes.dirs=[[]]"))
	f.Add([]byte("clock.servers = [{a=1}]\nhsm.timeout=1979-05-27"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text, "/srv")
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		if !originShape.MatchString(c.Origin) || !filepath.IsAbs(c.State) || len(c.Volumes.Dirs) < 2 {
			t.Fatalf("accepted %+v", c)
		}
	})
}
