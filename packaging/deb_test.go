package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// upgradeScript runs the real maintainer scripts on /etc, /run and /var/lib of a mount namespace of its own: what
// they change is gone with it. It tells what lies in /etc after each.
const upgradeScript = `
set -eu
cd "$1"
for place in etc var/lib usr/lib/systemd; do
	mkdir -p "layer/$place"
done
mount -t tmpfs none layer
for place in etc var/lib usr/lib/systemd; do
	mkdir -p "layer/$place/upper" "layer/$place/work"
	mount -t overlay none -o "lowerdir=/$place,upperdir=$1/layer/$place/upper,workdir=$1/layer/$place/work" "/$place"
done
mount -t tmpfs none /run
mount --bind confmodule /usr/share/debconf/confmodule
mkdir -p /lib/systemd/system /etc/casemate /etc/systemd/system/casemate-hsm.service.d
sh -eu before
tell() { (cd /etc && find casemate systemd/system/casemate-hsm.service.d -type f -name "[!c.]*" 2>/dev/null | sort | tr '\n' ' ') && echo; }
sh preinst upgrade 0.0.1 >&2
tell
sh postinst configure 0.0.1 >&2
tell
cat /etc/systemd/system/casemate-hsm.service.d/* 2>/dev/null | grep '^[^#[]' || true
`

const (
	plain  = "casemate/pin "
	cred   = "casemate/pin.cred "
	dropIn = "systemd/system/casemate-hsm.service.d/plain-pin.conf "
	taken  = "LoadCredential=pin:/etc/casemate/pin\n"
)

// TestUpgradeKeepsThePIN: whatever an earlier version left, the new unit finds a PIN after the unpacking, before
// postinst has run, and afterwards.
func TestUpgradeKeepsThePIN(t *testing.T) {
	up := newUpgrade(t)
	const old = "printf '1234567\\n' >/etc/casemate/pin; chmod 600 /etc/casemate/pin\n"
	const manager = "mkdir -p /run/systemd/system\n"
	const toml = "cp box.toml /etc/casemate/casemate.toml\n"
	const encrypted = "printf 1234567 | systemd-creds encrypt --name=pin - - >/etc/casemate/pin.cred\n"
	for name, c := range map[string]struct{ before, between, after, unit string }{
		"a PIN in plain":                   {manager + toml + old, plain + dropIn, cred, ""},
		"it cannot be encrypted":           {manager + toml + old + "ln -sf /bin/false bin/systemd-creds\n", plain + dropIn, plain + dropIn, taken},
		"an image: no manager":             {toml + old, plain + dropIn, plain + dropIn, taken},
		"the configuration names one":      {manager + toml + old + "sed -i '/^module/a pin_file = \"secret\"' /etc/casemate/casemate.toml\n", plain + dropIn, plain + dropIn, taken},
		"a set-up was broken off":          {manager + toml + old + "touch /etc/casemate/.setup-record\n", plain, plain, ""},
		"nothing is set up":                {manager + old, plain, plain, ""},
		"encrypted already":                {manager + toml + encrypted, cred, cred, ""},
		"killed before the plain one went": {manager + toml + old + encrypted, plain + cred, cred, ""},
		"a drop-in that names nothing": {manager + toml + encrypted + "echo LoadCredential=pin:/etc/casemate/pin >/etc/systemd/system/casemate-hsm.service.d/plain-pin.conf\n",
			cred + dropIn, cred, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := up.run(t, c.before), fmt.Sprintf("%s\n%s\n%s", c.between, c.after, c.unit); got != want {
				t.Errorf("it has\n%swant\n%s", got, want)
			}
		})
	}
}

// TestUpgradeReachesTheLibrary: a token's library that lies where the new unit would not have it mapped is reached
// all the same, before postinst has run and afterwards.
func TestUpgradeReachesTheLibrary(t *testing.T) {
	up := newUpgrade(t)
	const drop = "systemd/system/casemate-hsm.service.d/"
	const elsewhere = "cp box.toml /etc/casemate/casemate.toml\nsed -i \"s|^module.*|module = \\\"$PWD/lib.so\\\"|\" /etc/casemate/casemate.toml\n"
	const old = "echo '[Service]' >/lib/systemd/system/casemate-hsm.service\n"
	const newer = "printf '[Service]\\nNoExecPaths=/\\n' >/lib/systemd/system/casemate-hsm.service\n"
	lines := "ExecPaths=-" + up.dir + "\n"
	for name, c := range map[string]struct{ before, between, after, unit string }{
		"of a version that let all be mapped": {old + elsewhere + "touch lib.so\n", drop + "upgrade.conf ", drop + "library.conf ", lines},
		"of one that did not":                 {newer + elsewhere + "touch lib.so\n", "", drop + "library.conf ", lines},
		"below /usr/lib":                      {old + "cp box.toml /etc/casemate/casemate.toml\n", drop + "upgrade.conf ", "", ""},
		"gone: the unit stays open":           {old + elsewhere, drop + "upgrade.conf ", drop + "upgrade.conf ", "NoExecPaths=\n"},
		"nothing is set up":                   {old, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { _ = os.Remove(filepath.Join(up.dir, "lib.so")) }() // else it is there for the next
			if got, want := up.run(t, c.before), fmt.Sprintf("%s\n%s\n%s", c.between, c.after, c.unit); got != want {
				t.Errorf("it has\n%swant\n%s", got, want)
			}
		})
	}
}

// upgrade is a folder with what the script needs: the maintainer scripts, the program, and stubs for what would
// reach the machine's own manager.
type upgrade struct{ dir string }

func newUpgrade(t *testing.T) upgrade {
	t.Helper()
	up := upgrade{t.TempDir()}
	up.write(t, "script", upgradeScript)
	up.write(t, "confmodule", "db_version() { :; }\ndb_stop() { :; }\n")
	up.write(t, "box.toml", `origin = "casemate.example/box"
demonstration = true
[http]
listen = "127.0.0.1:8443"
[hsm]
module = "/usr/lib/softhsm/libsofthsm2.so"
[volumes]
dirs = ["/srv/a", "/srv/b"]
[clock]
servers = ["ntp.example"]
policy = "flag"
[[timestamp.authority]]
name = "one"
url = "http://tsa.example/"
roots = "tsa.pem"
policies = ["1.2.3.4"]
`)
	for _, script := range []string{"preinst", "postinst"} {
		text, err := os.ReadFile("deb/casemate-appliance/" + script)
		if err != nil {
			t.Fatal(err)
		}
		up.write(t, script, strings.NewReplacer("@VERSION@", "1.0.0", "@FORMAT@", "1").Replace(string(text)))
	}
	for _, stub := range []string{"systemctl", "deb-systemd-helper", "deb-systemd-invoke", "systemd-sysusers", "systemd-tmpfiles", "apparmor_parser", "aa-enabled"} {
		up.write(t, "bin/"+stub, "#!/bin/sh\n")
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(up.dir, "bin/casemated"), "../appliance/cmd/casemated")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return up
}

func (up upgrade) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(up.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run is what the script tells of a box on which these commands were run before.
func (up upgrade) run(t *testing.T, before string) string {
	t.Helper()
	up.write(t, "before", before)
	defer func() { _ = os.Remove(filepath.Join(up.dir, "bin/systemd-creds")) }() // the next one's is the real one
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "script", up.dir)
	cmd.Dir = up.dir
	cmd.Env = append(os.Environ(), "PATH="+up.dir+"/bin:"+os.Getenv("PATH"))
	said := new(strings.Builder)
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	return string(out)
}
