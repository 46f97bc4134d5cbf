package module

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

func TestEnvelope(t *testing.T) {
	good := envelope{serial: 9, mark: []byte("12345678rest")}
	if got, err := parseEnvelope(good.marshal()); err != nil || got.serial != 9 || string(got.mark) != string(good.mark) {
		t.Errorf("came back as %+v: %v", got, err)
	}
	if got, err := parseEnvelope(envelope{serial: 1}.marshal()); err != nil || len(got.mark) != 0 || got.order() != 0 {
		t.Errorf("without a mark it came back as %+v: %v", got, err)
	}
	flipped := good.marshal()
	flipped[20] ^= 1
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"cut":           good.marshal()[:50],
		"longer":        append(good.marshal(), 0),
		"flipped":       flipped,
		"another form":  append([]byte("casemate/mark/v2"), good.marshal()[16:]...),
		"no serial":     envelope{mark: good.mark}.marshal(),
		"short mark":    envelope{serial: 1, mark: []byte("1234567")}.marshal(),
		"too long mark": envelope{serial: 1, mark: make([]byte, hsm.MaxWitness+1)}.marshal(),
	} {
		if e, err := parseEnvelope(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, e)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add(envelope{serial: 1}.marshal())
	f.Add(envelope{serial: 1 << 40, mark: bytes.Repeat([]byte{7}, hsm.MaxWitness)}.marshal())
	f.Add([]byte(envelopeMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEnvelope(b); err == nil && !bytes.Equal(e.marshal(), b) {
			t.Errorf("%x was accepted and means %x", b, e.marshal())
		}
	})
}

// plant puts a data object under the mark's label into the token.
func (i *intruder) plant(private bool, value []byte) {
	_, err := i.p.CreateObject(i.h, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, private), pkcs11.NewAttribute(pkcs11.CKA_LABEL, markLabel),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, markApplication), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
	})
	check(i.t, err)
}

func (i *intruder) removeMarks() {
	found, err := find(i.p, i.h, maxMarks, markTemplate()...)
	check(i.t, err)
	for _, o := range found {
		check(i.t, i.p.DestroyObject(i.h, o))
	}
}

// What lies in the token beside the mark, or in its place.
func TestWitnessPlantedAndDamaged(t *testing.T) {
	original := setUp(t)
	two, three := []byte("\x00\x00\x00\x00\x00\x00\x00\x02two"), []byte("\x00\x00\x00\x00\x00\x00\x00\x03three")
	forged := envelope{serial: 99, mark: []byte("\xff\x00\x00\x00\x00\x00\x00\x00forged")}.marshal()
	for name, c := range map[string]struct {
		act  func(i *intruder)
		file func(path string) error
		want []byte // nil: hsm.ErrAudit
	}{
		"a public object, which takes no PIN": {act: func(i *intruder) { i.plant(false, forged) }, want: two},
		"rubbish beside it":                   {act: func(i *intruder) { i.plant(true, []byte("rubbish")) }, want: two},
		"rubbish alone":                       {act: func(i *intruder) { i.removeMarks(); i.plant(true, nil) }, want: two},
		"no object, no file":                  {act: func(i *intruder) { i.removeMarks() }, file: os.Remove, want: []byte{}},
		"file cut":                            {act: func(*intruder) {}, file: func(p string) error { return os.Truncate(p, 30) }, want: two},
		"file cut and rubbish": {act: func(i *intruder) { i.removeMarks(); i.plant(true, []byte("rubbish")) },
			file: func(p string) error { return os.Truncate(p, 30) }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := copyOf(t, original)
			ctx := context.Background()
			e, err := openEngine(ctx, cfg, newGuard(cfg.Timeout, cfg.Sessions, cfg.Log))
			check(t, err)
			check(t, e.witness.set(ctx, two))
			check(t, e.close())
			intrude(t, cfg, c.act)
			if c.file != nil {
				check(t, c.file(filepath.Join(cfg.StateDir, markFile)))
			}
			e = open(t, cfg)
			got, err := e.witness.get(ctx)
			if c.want == nil {
				if !errors.Is(err, hsm.ErrAudit) || !strings.Contains(err.Error(), "in any place") {
					t.Errorf("%q: %v, want ErrAudit", got, err)
				}
			} else if err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%q, want %q: %v", got, c.want, err)
			}
			check(t, e.witness.set(ctx, three))
			if got, err := e.witness.get(ctx); err != nil || !bytes.Equal(got, three) {
				t.Errorf("then %q: %v", got, err)
			}
			if left, err := e.token.readMarks(); err != nil || len(left) != 1 {
				t.Errorf("%d objects are left: %v", len(left), err)
			}
		})
	}
}
