package appliance

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"casemate/raid"
	"casemate/store/identity"
)

var (
	originShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-z0-9._~-]+)*$`)
	oidShape    = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,17}))+$`)
	hostShape   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

const (
	maxSocket = 107 // sun_path of unix(7), less its final zero
	tebi      = 1 << 40
)

// checker says what is wrong with the fields of one struct, taking the sentence of
// what may stand there from the field's own tag.
type checker struct {
	at     string
	of     reflect.Type
	faults *faults
	unread map[string]bool // keys already found unreadable
}

func (c checker) want(ok bool, name, format string, args ...any) {
	if ok || c.unread[join(c.at, name)] {
		return
	}
	c.faults.add(join(c.at, name), c.may(name), format, args...)
}

func (c checker) may(name string) string {
	for i := range c.of.NumField() {
		if n, _, _ := strings.Cut(c.of.Field(i).Tag.Get("toml"), ","); n == name {
			return c.of.Field(i).Tag.Get("may")
		}
	}
	return ""
}

func (c checker) within(d, low, high time.Duration, name string) {
	c.want(d >= low && d <= high, name, "%v is out of bounds", d)
}

// on is a checker of another part.
func (c checker) on(at string, part any) checker {
	return checker{at, reflect.TypeOf(part), c.faults, c.unread}
}

func (c Config) check(f *faults, unread map[string]bool) {
	top := checker{"", reflect.TypeOf(c), f, unread}
	top.want(len(c.Origin) <= 200 && originShape.MatchString(c.Origin), "origin", "%q will not do", c.Origin)
	top.want(c.State != "", "state", "it is empty")
	c.HTTP.check(top.on("http", c.HTTP))
	socket := c.ControlSocket()
	top.on("control", c.Control).want(len(socket) <= maxSocket, "socket", "%q has %d bytes", socket, len(socket))
	c.Metrics.check(top.on("metrics", c.Metrics))
	top.on("backup", c.Backup).within(c.Backup.WarnAfter, time.Hour, 365*24*time.Hour, "warn_after")
	c.HSM.check(top.on("hsm", c.HSM))
	c.Volumes.check(top.on("volumes", c.Volumes))
	c.Scrub.check(top.on("scrub", c.Scrub))
	c.Clock.check(top.on("clock", c.Clock))
	c.Timestamp.check(top.on("timestamp", c.Timestamp))
	c.checkCallers(top)
}

func (h HTTPConfig) check(c checker) {
	c.want(listenable(h.Listen), "listen", "%q will not do", h.Listen)
	c.want(h.AccessRoots != "", "access_roots", "it is empty")
}

func (m MetricsConfig) check(c checker) {
	c.want(m.Listen == "" || listenable(m.Listen), "listen", "%q will not do", m.Listen)
}

func (h HSMConfig) check(c checker) {
	c.want(h.Socket != "" && len(h.Socket) <= maxSocket, "socket", "%q has %d bytes", h.Socket, len(h.Socket))
	c.want(h.Module != "", "module", "it is empty")
	c.want(plain(h.Token, 32), "token", "%q will not do", h.Token)
	c.want(h.Serial == "" || plain(h.Serial, 16), "serial", "%q will not do", h.Serial)
	c.want(h.State != "", "state", "it is empty")
	for _, uid := range h.AllowUIDs {
		c.want(uid >= 0 && uid < 1<<32-1, "allow_uids", "%d is no user number", uid)
	}
	c.within(h.Timeout, 100*time.Millisecond, 5*time.Minute, "timeout")
}

func (v VolumesConfig) check(c checker) {
	c.want(len(v.Dirs) >= 2 && len(v.Dirs) <= 8, "dirs", "there are %d", len(v.Dirs))
	for i, one := range v.Dirs {
		c.want(one != "", "dirs", "the path of folder %d is empty", i+1)
		for j, other := range v.Dirs {
			c.want(i == j || !inside(one, other), "dirs", "folder %d is folder %d or inside it", i+1, j+1)
		}
	}
	c.want(v.MinFree >= 16<<20 && v.MinFree <= tebi, "min_free", "%d bytes is out of bounds", v.MinFree)
	c.want(v.MinCopies >= 1 && v.MinCopies <= max(1, len(v.Dirs)), "min_copies", "%d will not do", v.MinCopies)
	c.within(v.SpareAfter, time.Second, 7*24*time.Hour, "spare_after")
	c.want(v.ErrorBudget >= 1 && v.ErrorBudget <= raid.MaxErrorBudget, "error_budget", "%d is out of bounds", v.ErrorBudget)
}

func (s ScrubConfig) check(c checker) {
	c.within(s.Every, time.Hour, 30*24*time.Hour, "every")
	c.want(s.Rate >= 1<<20 && s.Rate <= tebi, "rate", "%d bytes is out of bounds", s.Rate)
}

func (k ClockConfig) check(c checker) {
	c.want(len(k.Servers) >= 1 && len(k.Servers) <= 16, "servers", "there are %d", len(k.Servers))
	for i, s := range k.Servers {
		c.want(reachable(s), "servers", "%q will not do", s)
		c.want(!slices.Contains(k.Servers[:i], s), "servers", "%q stands there twice", s)
	}
	c.want(k.MinServers >= 1 && k.MinServers <= max(1, len(k.Servers)), "min_servers", "%d will not do", k.MinServers)
	c.want(k.Policy == "refuse" || k.Policy == "flag", "policy", "%q will not do", k.Policy)
	c.within(k.MaxDistance, time.Millisecond, time.Hour, "max_distance")
	c.within(k.MaxOffset, time.Millisecond, time.Hour, "max_offset")
	c.within(k.Interval, time.Second, time.Hour, "interval")
}

func (t TimestampConfig) check(c checker) {
	c.within(t.Interval, time.Second, 24*time.Hour, "interval")
	c.want(t.AlarmAfter > t.Interval && t.AlarmAfter <= 90*24*time.Hour, "alarm_after", "%v will not do", t.AlarmAfter)
	if len(t.Authorities) == 0 && !c.unread["timestamp.authority"] {
		c.faults.add("timestamp.authority", "one or more tables [[timestamp.authority]]",
			"without an authority no document is ever proved")
	}
	names := map[string]bool{}
	for i, a := range t.Authorities {
		one := c.on(fmt.Sprintf("timestamp.authority[%d]", i+1), a)
		one.want(plain(a.Name, 128) && !names[a.Name], "name", "%q will not do", a.Name)
		names[a.Name] = true
		one.want(httpURL(a.URL), "url", "it will not do") // not repeated: it may hold a password
		one.want(a.Roots != "", "roots", "it is empty")
		one.want(len(a.Policies) > 0, "policies", "there is none")
		for _, oid := range a.Policies {
			one.want(oidShape.MatchString(oid), "policies", "%q will not do", oid)
		}
		one.within(a.Timeout, 100*time.Millisecond, 5*time.Minute, "timeout")
	}
}

// checkCallers checks the two tables of certificates. None at all is allowed: a safe
// that is being set up has no callers yet.
func (c Config) checkCallers(top checker) {
	seen := map[string]int{}
	for i, one := range c.Callers {
		ck := top.on(fmt.Sprintf("caller[%d]", i+1), one)
		ck.want(plain(one.Name, 128), "name", "%q will not do", one.Name)
		id, ok := ck.certificate(one.Issuer, one.Serial)
		if first := seen[id]; ok && first != 0 {
			ck.want(false, "serial", "caller %d has this certificate already", first)
		}
		seen[id] = i + 1
		ck.want(len(one.Roles) > 0, "roles", "there is none")
		for _, r := range one.Roles {
			_, err := identity.ParseRole(r)
			ck.want(err == nil, "roles", "%q will not do", r)
		}
		for _, v := range one.Vaults {
			ck.want(plain(v, 128), "vaults", "%q will not do", v)
		}
	}
	for i, one := range c.Revoked {
		top.on(fmt.Sprintf("revoked[%d]", i+1), one).certificate(one.Issuer, one.Serial)
	}
}

func (c checker) certificate(issuer, serial string) (id string, ok bool) {
	i, ierr := identity.ParseIssuer(issuer)
	c.want(ierr == nil, "issuer", "%q will not do", issuer)
	s, serr := identity.ParseSerial(serial)
	c.want(serr == nil, "serial", "%q will not do", serial)
	return i + " " + s, ierr == nil && serr == nil
}

// plain is a short name without control characters.
func plain(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, unicode.IsControl)
}

// listenable is host:port where the host is an address, a name, or nothing.
func listenable(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && portNumber(port, 0) && (host == "" || isHost(host))
}

// reachable is a host with or without a port.
func reachable(s string) bool {
	if host, port, err := net.SplitHostPort(s); err == nil {
		return isHost(host) && portNumber(port, 1)
	}
	return isHost(s)
}

func isHost(s string) bool {
	return net.ParseIP(s) != nil || (len(s) <= 253 && hostShape.MatchString(s))
}

func portNumber(s string, low uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= low
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// inside tells whether path a is b or below it.
func inside(a, b string) bool {
	rel, err := filepath.Rel(b, a)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
