package setup

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Account is a user of the machine by number. The zero value stands for whoever runs this program.
type Account struct {
	Set      bool
	UID, GID int
}

// Layout is where things stand on the machine, and whose they are.
type Layout struct {
	Config   string // folder of casemate.toml and what it names
	State    string // of serve
	HSMState string // of the token process
	Socket   string // of the token process
	Handed   string // folder of what is handed out: trust files, first certificates
	Safe     Account
	Token    Account
	// Start makes serve start the token process itself; else the service manager does, and hands over the
	// PIN as a credential.
	Start bool
	Units string // folder of drop-ins for the service manager; empty for none
	// AppArmor is the folder of profiles, which say once more what the services reach; empty for none.
	AppArmor string
	Fstab    string // gets a line for each disk that is mounted; empty: disks cannot be taken
}

// System is the layout of the package, which has made the two users.
func System() (Layout, error) {
	safe, err := account("casemate")
	if err != nil {
		return Layout{}, err
	}
	token, err := account("casemate-hsm")
	if err != nil {
		return Layout{}, err
	}
	return Layout{
		Config: "/etc/casemate", State: "/var/lib/casemate", HSMState: "/var/lib/casemate-hsm", Socket: "/run/casemate-hsm/hsm.sock",
		Handed: "/etc/casemate/handed-out", Safe: safe, Token: token, Units: "/etc/systemd/system", AppArmor: "/etc/apparmor.d", Fstab: "/etc/fstab",
	}, nil
}

// Under is a layout that lies in one folder and belongs to one user, for a machine without the package.
func Under(dir string) Layout {
	in := func(name string) string { return filepath.Join(dir, name) }
	return Layout{Config: in("etc"), State: in("state"), HSMState: in("hsm"), Socket: in("run/hsm.sock"), Handed: in("etc/handed-out"), Start: true}
}

// ConfigFile is the configuration.
func (l Layout) ConfigFile() string { return filepath.Join(l.Config, "casemate.toml") }

// Record is where what was made is noted until the set-up is whole.
func (l Layout) Record() string { return filepath.Join(l.Config, ".setup-record") }

// PINFile is where the token's PIN stands in plain, with Start alone; earlier versions left it there in any
// case.
func (l Layout) PINFile() string { return filepath.Join(l.Config, "pin") }

// Credential is where it stands encrypted, for the service manager to open.
func (l Layout) Credential() string { return filepath.Join(l.Config, "pin.cred") }

// PlainUnit has the token's unit take a PIN in plain: the package writes it for the time of an upgrade, and it
// stays where nothing can be encrypted.
func (l Layout) PlainUnit() string {
	return filepath.Join(l.Units, "casemate-hsm.service.d", "plain-pin.conf")
}

// Beside is the layout of the safe whose configuration is this file: /etc/systemd is beside /etc/casemate.
func Beside(configFile string) Layout {
	dir := filepath.Dir(configFile)
	etc := filepath.Dir(dir)
	return Layout{Config: dir, Units: filepath.Join(etc, "systemd/system"), AppArmor: filepath.Join(etc, "apparmor.d")}
}

// SOPINFile is the security officer's, until it is carried away.
func (l Layout) SOPINFile() string { return filepath.Join(l.Config, "so-pin") }

func account(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return Account{}, fmt.Errorf("user %s has the numbers %q and %q", name, u.Uid, u.Gid)
	}
	return Account{true, uid, gid}, nil
}

// Own gives a file to the account.
func (a Account) Own(path string) error {
	if !a.Set {
		return nil
	}
	return os.Lchown(path, a.UID, a.GID)
}
