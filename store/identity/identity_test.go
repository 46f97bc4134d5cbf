package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// party is a certificate and its key.
type party struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate under an issuer (itself when nil).
func issue(t *testing.T, issuer *party, change func(*x509.Certificate)) *party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x0a1b), Subject: pkix.Name{CommonName: "somebody"},
		NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	p := &party{key: key}
	if issuer == nil {
		issuer = &party{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, &key.PublicKey, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}

func authority(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.SerialNumber, c.Subject.CommonName = big.NewInt(1), name
		c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage = true, true, nil
		c.KeyUsage = x509.KeyUsageCertSign
		c.NotBefore, c.NotAfter = today.AddDate(-10, 0, 0), today.AddDate(10, 0, 0)
	}
}

func serial(n int64) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) }
}

func TestCaller(t *testing.T) {
	root := issue(t, nil, authority("ours"))
	between := issue(t, root, func(c *x509.Certificate) { authority("between")(c); c.SerialNumber = big.NewInt(5) })
	burnt := issue(t, root, func(c *x509.Certificate) { authority("burnt")(c); c.SerialNumber = big.NewInt(6) })
	namesake := issue(t, nil, authority("ours")) // same name, other key
	expired := func(c *x509.Certificate) { c.NotAfter = today.AddDate(0, 0, -1) }

	good, deep := issue(t, root, nil), issue(t, between, nil)
	revoked, stranger := issue(t, root, serial(7)), issue(t, root, serial(8))
	ours := IssuerID(root.cert)
	d, err := NewDirectory([]Entry{
		{Name: "Ada", Issuer: strings.ToUpper(ours), Serial: "00:0A:1B", Roles: []Role{Depositor}, Vaults: []string{"one"}},
		{Name: "Bob", Issuer: IssuerID(between.cert), Serial: "a1b", Roles: []Role{Auditor}},
		{Name: "Eve", Issuer: ours, Serial: "7", Roles: []Role{Reader}},
		{Name: "Tim", Issuer: IssuerID(burnt.cert), Serial: "a1b", Roles: []Role{Reader}},
	}, []Revoked{{ours, "7"}, {ours, "6"}}, []*x509.Certificate{root.cert})
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name  string
		chain []*party
		when  time.Time
		who   string
		err   error
		told  bool // issuer and serial are told for the journal
	}{
		{"good", []*party{good}, today, "Ada", nil, true},
		{"through an intermediate", []*party{deep, between}, today, "Bob", nil, true},
		{"intermediate left out", []*party{deep}, today, "", ErrUnknownAuthority, false},
		{"none", nil, today, "", ErrNoCertificate, false},
		{"authority of the same name", []*party{issue(t, namesake, nil)}, today, "", ErrUnknownAuthority, false},
		{"foreign chain sent along", []*party{issue(t, namesake, nil), namesake}, today, "", ErrUnknownAuthority, false},
		{"self-signed", []*party{issue(t, nil, nil)}, today, "", ErrUnknownAuthority, false},
		{"foreign and expired", []*party{issue(t, namesake, expired)}, today, "", ErrUnknownAuthority, false},
		{"the authority itself", []*party{root}, today, "", ErrUnknownAuthority, false},
		{"an intermediate itself", []*party{between}, today, "", ErrUnknownAuthority, false},
		{"for servers only", []*party{issue(t, root, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})}, today, "", ErrUnknownAuthority, false},
		{"expired", []*party{issue(t, root, expired)}, today, "", ErrExpired, true},
		{"not yet valid", []*party{good}, today.AddDate(-2, 0, 0), "", ErrExpired, true},
		{"last moment", []*party{good}, good.cert.NotAfter, "Ada", nil, true},
		{"a moment later", []*party{good}, good.cert.NotAfter.Add(time.Second), "", ErrExpired, true},
		{"authority expired", []*party{good}, today.AddDate(20, 0, 0), "", ErrExpired, true},
		{"revoked", []*party{revoked}, today, "", ErrRevoked, true},
		{"revoked and expired", []*party{revoked}, today.AddDate(2, 0, 0), "", ErrRevoked, true},
		{"intermediate revoked", []*party{issue(t, burnt, nil), burnt}, today, "", ErrRevoked, true},
		{"no role", []*party{stranger}, today, "", ErrUnknownCaller, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var chain []*x509.Certificate
			for _, p := range c.chain {
				chain = append(chain, p.cert)
			}
			for range 2 { // the second time from memory, where it is kept
				who, err := d.Caller(chain, c.when)
				if !errors.Is(err, c.err) || (c.err == nil && err != nil) {
					t.Fatalf("%v, want %v", err, c.err)
				}
				if who.Name != c.who || (who.Serial != "") != c.told || (who.Issuer != "") != c.told {
					t.Errorf("caller %+v", who)
				}
				if err != nil && len(who.Roles) > 0 {
					t.Error("a refused caller has roles")
				}
			}
		})
	}
}

// What is remembered of a chain ends with its validity and is never another chain's.
func TestMemory(t *testing.T) {
	root := issue(t, nil, authority("ours"))
	good := issue(t, root, nil)
	d, err := NewDirectory([]Entry{{Name: "Ada", Issuer: IssuerID(root.cert), Serial: "a1b", Roles: []Role{Reader}}},
		nil, []*x509.Certificate{root.cert})
	if err != nil {
		t.Fatal(err)
	}
	chain := []*x509.Certificate{good.cert}
	if _, err := d.Caller(chain, today); err != nil {
		t.Fatal(err)
	}
	if len(d.known.all) != 1 {
		t.Fatalf("%d chains remembered, want 1", len(d.known.all))
	}
	if _, err := d.Caller(chain, today.AddDate(5, 0, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := d.Caller([]*x509.Certificate{issue(t, nil, nil).cert}, today); !errors.Is(err, ErrUnknownAuthority) {
		t.Errorf("another chain: %v", err)
	}
	if len(d.known.all) != 1 {
		t.Errorf("a stranger's chain is remembered")
	}
	for i := range maxKnown + 1 {
		d.known.keep([32]byte{byte(i), byte(i >> 8), 1}, judgement{})
	}
	if len(d.known.all) > maxKnown {
		t.Errorf("%d chains remembered", len(d.known.all))
	}
}

func TestNewDirectoryRefuses(t *testing.T) {
	root := issue(t, nil, authority("ours")).cert
	leaf := issue(t, nil, nil).cert
	one := Entry{Name: "Ada", Issuer: IssuerID(root), Serial: "1", Roles: []Role{Reader}}
	change := func(f func(*Entry)) []Entry { e := one; f(&e); return []Entry{e} }
	for name, c := range map[string]struct {
		entries []Entry
		revoked []Revoked
		roots   []*x509.Certificate
	}{
		"no roots":         {nil, nil, nil},
		"leaf as a root":   {nil, nil, []*x509.Certificate{leaf}},
		"no name":          {change(func(e *Entry) { e.Name = "" }), nil, []*x509.Certificate{root}},
		"no role":          {change(func(e *Entry) { e.Roles = nil }), nil, []*x509.Certificate{root}},
		"unknown role":     {change(func(e *Entry) { e.Roles = []Role{"king"} }), nil, []*x509.Certificate{root}},
		"short issuer":     {change(func(e *Entry) { e.Issuer = "ab" }), nil, []*x509.Certificate{root}},
		"serial zero":      {change(func(e *Entry) { e.Serial = "00" }), nil, []*x509.Certificate{root}},
		"serial too long":  {change(func(e *Entry) { e.Serial = strings.Repeat("f", 41) }), nil, []*x509.Certificate{root}},
		"serial no hex":    {change(func(e *Entry) { e.Serial = "0x1" }), nil, []*x509.Certificate{root}},
		"twice":            {[]Entry{one, one}, nil, []*x509.Certificate{root}},
		"revoked no hex":   {nil, []Revoked{{IssuerID(root), "-1"}}, []*x509.Certificate{root}},
		"revoked no issue": {nil, []Revoked{{"", "1"}}, []*x509.Certificate{root}},
	} {
		if _, err := NewDirectory(c.entries, c.revoked, c.roots); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// No role gives what another one is for.
func TestRolesAreApart(t *testing.T) {
	all := []Right{RightDeposit, RightRead, RightAudit, RightAdminister}
	for i, role := range Roles() {
		c := Caller{Roles: []Role{role}}
		for j, right := range all {
			if c.Can(right) != (i == j) {
				t.Errorf("%s can %v: %v", role, right, c.Can(right))
			}
		}
		if !c.Can(RightAny) {
			t.Errorf("%s is nobody", role)
		}
	}
	if (Caller{}).Can(RightAny) || (Caller{Roles: []Role{"king"}}).Can(RightAny) {
		t.Error("a caller without a role can do something")
	}
	both := Caller{Roles: []Role{Reader, Depositor}}
	if !both.Can(RightRead) || !both.Can(RightDeposit) || both.Can(RightAudit) {
		t.Error("two roles are not their union")
	}
	if got := (RightRead | RightAudit).String(); got != "read or audit" {
		t.Error(got)
	}
}

func TestMayUse(t *testing.T) {
	for _, c := range []struct {
		vaults, asked []string
		want          bool
	}{
		{[]string{"*"}, []string{"any"}, true},
		{[]string{"one", "two"}, []string{"two"}, true},
		{[]string{"one"}, []string{"name", "one"}, true},
		{[]string{"one"}, []string{"two"}, false},
		{[]string{"one"}, []string{"*"}, false},
		{nil, []string{"one"}, false},
		{[]string{"one"}, nil, false},
	} {
		if got := (Caller{Vaults: c.vaults}).MayUse(c.asked...); got != c.want {
			t.Errorf("%v may use %v: %v", c.vaults, c.asked, got)
		}
	}
}

func FuzzSerial(f *testing.F) {
	for _, s := range []string{"1", "00:FF", "", "0", "0x1", strings.Repeat("f", 40), "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseSerial(s)
		if err != nil {
			return
		}
		n, ok := new(big.Int).SetString(got, 16)
		if !ok || n.Sign() <= 0 || n.BitLen() > 160 || SerialID(n) != got {
			t.Fatalf("%q gives %q", s, got)
		}
		if again, err := ParseSerial(got); err != nil || again != got {
			t.Fatalf("%q does not stand for itself", got)
		}
	})
}
