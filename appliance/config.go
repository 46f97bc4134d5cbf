package appliance

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/pelletier/go-toml/v2"

	"casemate/store/identity"
)

// ErrConfig is wrapped by whatever [LoadConfig] and [ParseConfig] refuse. The error
// lists every fault found, one a line, each with its key and what may stand there.
var ErrConfig = errors.New("the configuration cannot be used")

const maxConfig = 1 << 20 // bytes

// Config is the one configuration file, TOML. It is checked whole before anything is
// touched; a key that does not stand here is an error. Relative paths are relative
// to the folder of the file. Sizes are numbers with B, kB, MB, GB, TB (powers of
// ten) or KiB, MiB, GiB, TiB (of two); durations are like "90s", "10m", "24h", "30d".
//
// In the tags, `may` is the sentence of the error message: what may stand there.
type Config struct {
	// Origin names the journal for ever: it stands in every checkpoint and every
	// attestation (C2SP tlog-checkpoint), so choose a name you own.
	Origin string `toml:"origin" may:"a name like casemate.example/safe-1: a domain and a path, lower-case"`
	// Demonstration marks a safe whose keys were made without a ceremony. It is said
	// wherever a person looks.
	Demonstration bool `toml:"demonstration" may:"true or false"`
	// State is the folder of what serve itself must remember beside the volumes.
	State string `toml:"state,path" may:"a folder"`
	// CallersFile holds more tables of callers and revoked certificates, and nothing else. It is
	// what init writes and what SIGHUP reads again.
	CallersFile string `toml:"callers,path" may:"a TOML file of [[caller]] and [[revoked]] tables, or nothing"`

	HTTP      HTTPConfig      `toml:"http"`
	Control   ControlConfig   `toml:"control"`
	Metrics   MetricsConfig   `toml:"metrics"`
	Backup    BackupConfig    `toml:"backup"`
	HSM       HSMConfig       `toml:"hsm"`
	Volumes   VolumesConfig   `toml:"volumes"`
	Scrub     ScrubConfig     `toml:"scrub"`
	Clock     ClockConfig     `toml:"clock"`
	Timestamp TimestampConfig `toml:"timestamp"`
	Callers   []CallerConfig  `toml:"caller"`
	Revoked   []RevokedConfig `toml:"revoked"`
}

// HTTPConfig is the door.
type HTTPConfig struct {
	// Listen is where the API answers, unless systemd hands over a socket.
	Listen string `toml:"listen" may:"an address and a port, like 127.0.0.1:8443 or [::]:8443"`
	// AccessRoots holds the authorities whose certificates may call, PEM.
	AccessRoots string `toml:"access_roots,path" may:"a PEM file with the certificates of the access authorities"`
}

// ControlConfig is the door for this machine's own administrator.
type ControlConfig struct {
	// Socket is where `casemated raid` finds the running safe. Only root and the safe's own user pass.
	Socket string `toml:"socket,path" may:"the path of a unix socket, at most 107 bytes once made absolute, or nothing for control.sock in the state folder"`
}

// BackupConfig is for whom backups are enciphered.
type BackupConfig struct {
	// Recipients are the recovery certificates: whoever has the key of one of them opens a backup, and
	// restores it where the token is.
	Recipients string `toml:"recipients,path" may:"a PEM file of certificates with RSA keys of 3072 bits at least, or nothing"`
	// WarnAfter is the age of the last backup from which doctor warns; of the last drill, four times that.
	WarnAfter time.Duration `toml:"warn_after" may:"a duration from 1h to 365d"`
}

// MetricsConfig is the door for those who watch over the safe.
type MetricsConfig struct {
	// Listen is where /metrics, /healthz and /readyz answer, in plain HTTP and to whoever can reach it:
	// they name no document, no vault and no caller. Left out, they answer on the control socket alone.
	Listen string `toml:"listen" may:"an address and a port, like 127.0.0.1:9464, or nothing"`
}

// HSMConfig is the token and the process in front of it. serve reads Socket, Start
// and Timeout; `casemated hsm` reads the rest.
type HSMConfig struct {
	Socket string `toml:"socket,path" may:"the path of a unix socket, at most 107 bytes once made absolute"`
	// Start makes serve run the token process as its child, where no systemd does.
	Start bool `toml:"start" may:"true or false"`
	// Module is the vendor's PKCS#11 library.
	Module string `toml:"module,path" may:"the path of a PKCS#11 library"`
	// Token is the label of the token; Serial, when given, must agree as well. Slots
	// are never configured: their numbers change.
	Token  string `toml:"token" may:"the label of a token, 1 to 32 bytes"`
	Serial string `toml:"serial" may:"the serial of a token, at most 16 bytes, or nothing"`
	// PINFile holds the PIN, mode 0600. Left out, the PIN is systemd's credential "pin".
	PINFile string `toml:"pin_file,path" may:"a file of mode 0600 with the PIN, or nothing for systemd's credential"`
	// SOPINFile holds the security officer's PIN, mode 0600; only init reads it.
	SOPINFile string `toml:"so_pin_file,path" may:"a file of mode 0600 with the security officer's PIN, or nothing"`
	// State is the folder of what the token process must remember.
	State string `toml:"state,path" may:"a folder"`
	// AllowUIDs are the users who may connect to the socket, beside the token process's own and root.
	AllowUIDs []int `toml:"allow_uids" may:"a list of user numbers"`
	// Timeout ends a call into the token; a module that hangs longer is restarted.
	Timeout time.Duration `toml:"timeout" may:"a duration from 100ms to 5m"`
	// SoftHSMConf is SoftHSM's own configuration file, for a token in software.
	SoftHSMConf string `toml:"softhsm_conf,path" may:"SoftHSM's configuration file, or nothing"`
}

// VolumesConfig is the mirror.
type VolumesConfig struct {
	// Dirs are where volumes are looked for, each best on a disk of its own. The mirror remembers
	// beside them where volumes that were added later are.
	Dirs []string `toml:"dirs,path" may:"a list of two to eight folders, none inside another"`
	// MinFree is the free space below which a volume takes nothing more.
	MinFree int64 `toml:"min_free,size" may:"a size from 16MiB to 1TiB"`
	// MinCopies is how many volumes must be in sync for a deposit to be taken.
	MinCopies int `toml:"min_copies" may:"how many volumes a deposit must be on: from 1 to the number of folders"`
	// SpareAfter is how long a volume is missed before a spare takes its place; one that failed for
	// good is not waited for.
	SpareAfter time.Duration `toml:"spare_after" may:"a duration from 1s to 7d"`
	// ErrorBudget is how many values of one volume may be found bad within 24 hours before it is
	// left out and filled anew.
	ErrorBudget int `toml:"error_budget" may:"a number from 1 to 256"`
}

// ScrubConfig is the re-reading of everything, over and over.
type ScrubConfig struct {
	// Every is the longest time between the ends of two scrubs.
	Every time.Duration `toml:"every" may:"a duration from 1h to 30d"`
	// Rate bounds how much a scrub reads in a second, so that it disturbs nobody. It is exceeded where
	// Every could not be kept otherwise.
	Rate int64 `toml:"rate,size" may:"a size from 1MiB to 1TiB, to be read in a second"`
}

// ClockConfig is the judgement over the clock.
type ClockConfig struct {
	Servers    []string `toml:"servers" may:"a list of NTP servers, like ntp.example or 127.0.0.1:11123; four are wanted"`
	MinServers int      `toml:"min_servers" may:"how many servers must agree: from 1 to the number of servers"`
	// Policy when the clock is not to be trusted: refuse deposits, or seal and say so.
	Policy      string        `toml:"policy" may:"refuse or flag"`
	MaxDistance time.Duration `toml:"max_distance" may:"a duration from 1ms to 1h"`
	MaxOffset   time.Duration `toml:"max_offset" may:"a duration from 1ms to 1h"`
	Interval    time.Duration `toml:"interval" may:"a duration from 1s to 1h"`
}

// TimestampConfig is the rounds.
type TimestampConfig struct {
	// Interval is the longest time between two rounds while there is something to prove.
	Interval time.Duration `toml:"interval" may:"a duration from 1s to 24h"`
	// AlarmAfter is the age of the oldest unproved document that raises the alarm.
	AlarmAfter  time.Duration     `toml:"alarm_after" may:"a duration longer than the interval, at most 90d"`
	Authorities []AuthorityConfig `toml:"authority"`
}

// AuthorityConfig is one RFC 3161 authority; they are asked in order.
type AuthorityConfig struct {
	Name     string        `toml:"name" may:"a name of its own among the authorities"`
	URL      string        `toml:"url" may:"an http or https URL without user, query or fragment"`
	Roots    string        `toml:"roots,path" may:"a PEM file with the roots of this authority"`
	Policies []string      `toml:"policies" may:"a list of at least one policy, each an object identifier like 1.2.3"`
	Timeout  time.Duration `toml:"timeout" may:"a duration from 100ms to 5m"`
}

// CallerConfig is one line of the table of callers; see [identity.Entry].
type CallerConfig struct {
	Name   string   `toml:"name" may:"a name, 1 to 128 bytes without control characters"`
	Issuer string   `toml:"issuer" may:"SHA-256 of the issuer's public key (SubjectPublicKeyInfo), 64 hexadecimal digits"`
	Serial string   `toml:"serial" may:"the certificate's serial number in hexadecimal"`
	Roles  []string `toml:"roles" may:"a list of at least one of depositor, reader, auditor, administrator, officer"`
	Vaults []string `toml:"vaults" may:"a list of names or ids of vaults, or [\"*\"] for all"`
}

// RevokedConfig is a certificate that is refused although it would be good.
type RevokedConfig struct {
	Issuer string `toml:"issuer" may:"SHA-256 of the issuer's public key (SubjectPublicKeyInfo), 64 hexadecimal digits"`
	Serial string `toml:"serial" may:"the certificate's serial number in hexadecimal"`
}

// DefaultConfig is what stands for keys that a file leaves out.
func DefaultConfig() Config {
	return Config{
		State: "state",
		HTTP:  HTTPConfig{Listen: "127.0.0.1:8443", AccessRoots: "access.pem"},
		HSM: HSMConfig{
			Socket: "run/hsm.sock", Token: "casemate", State: "state/hsm", Timeout: 10 * time.Second,
		},
		Volumes: VolumesConfig{MinFree: 256 << 20, MinCopies: 1, SpareAfter: 10 * time.Minute, ErrorBudget: 64},
		Scrub:   ScrubConfig{Every: 30 * 24 * time.Hour, Rate: 64 << 20},
		Backup:  BackupConfig{WarnAfter: 8 * 24 * time.Hour},
		Clock: ClockConfig{
			MinServers: 1, Policy: "refuse",
			MaxDistance: time.Second, MaxOffset: time.Second, Interval: 16 * time.Second,
		},
		Timestamp: TimestampConfig{Interval: 10 * time.Minute, AlarmAfter: 24 * time.Hour},
	}
}

// defaultAuthority is what stands for keys an authority leaves out.
var defaultAuthority = AuthorityConfig{Timeout: 10 * time.Second}

// LoadConfig reads and checks the file; see [ParseConfig].
func LoadConfig(file string) (Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer func() { _ = f.Close() }() // only read
	text := make([]byte, maxConfig+1)
	n, err := readUpTo(f, text)
	if err != nil {
		return Config{}, fmt.Errorf("%w: reading %q: %w", ErrConfig, file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c, err := ParseConfig(text[:n], dir)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// ParseConfig reads TOML strictly, resolves relative paths against dir (absolute) and
// checks everything that can be checked without touching what the paths name.
func ParseConfig(text []byte, dir string) (Config, error) {
	if len(text) > maxConfig {
		return Config{}, fmt.Errorf("%w: it is longer than %d bytes", ErrConfig, maxConfig)
	}
	tree := map[string]any{}
	if err := toml.Unmarshal(text, &tree); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, syntaxError(err))
	}
	c := DefaultConfig()
	d := decoder{dir: dir}
	d.table("", tree, &c)
	c.check(&d.faults, maps.Clone(d.faults.keys))
	if err := d.faults.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Directory's raw material: the table of callers as identity takes it.
func (c Config) callers() ([]identity.Entry, []identity.Revoked) {
	var entries []identity.Entry
	for _, one := range c.Callers {
		roles := make([]identity.Role, len(one.Roles))
		for i, r := range one.Roles {
			roles[i] = identity.Role(r)
		}
		entries = append(entries, identity.Entry{
			Name: one.Name, Issuer: one.Issuer, Serial: one.Serial, Roles: roles, Vaults: one.Vaults,
		})
	}
	var revoked []identity.Revoked
	for _, one := range c.Revoked {
		revoked = append(revoked, identity.Revoked{Issuer: one.Issuer, Serial: one.Serial})
	}
	return entries, revoked
}
