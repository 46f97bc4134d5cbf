package module

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

const (
	markLabel       = "casemate-mark"
	markApplication = "casemate"
	// maxMarks is how many objects are looked at: one stands there, two after a crash.
	maxMarks = 16
)

// dataObject is one object found under the mark's label.
type dataObject struct {
	handle pkcs11.ObjectHandle
	value  []byte
	serial uint64 // of its envelope, 0 if it has none
}

// markTemplate is what a mark's object is made and found by. Private: to make one takes the PIN;
// whoever may open a session without it can plant public objects under any label.
func markTemplate(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, markLabel),
		pkcs11.NewAttribute(pkcs11.CKA_APPLICATION, markApplication),
	}, more...)
}

// readMarks reads every object of the mark. One that can not be read has no value.
func (t *token) readMarks() (objects []dataObject, err error) {
	err = t.sessions.with(func(h pkcs11.SessionHandle) error {
		handles, err := find(t.p, h, maxMarks, markTemplate()...)
		for _, o := range handles {
			objects = append(objects, dataObject{handle: o})
		}
		return err
	})
	for i := range objects {
		rerr := t.sessions.with(func(h pkcs11.SessionHandle) (err error) {
			objects[i].value, err = readValue(t.p, h, objects[i].handle)
			return err
		})
		if rerr = t.unlessWell(rerr); rerr != nil && classify(rerr) == failDead {
			return nil, rerr
		}
	}
	return objects, t.unlessWell(err)
}

func readValue(p *pkcs11.Ctx, h pkcs11.SessionHandle, o pkcs11.ObjectHandle) ([]byte, error) {
	got, err := p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if err != nil {
		return nil, fmt.Errorf("reading a data object: %w", err)
	}
	return got[0].Value, nil
}

// writeMark makes the object of an envelope, unless one of those present is it, reads it back, and
// destroys the others. A crash before the last step leaves two, of which the higher serial holds.
func (t *token) writeMark(present []dataObject, e envelope) error {
	err := t.sessions.with(func(h pkcs11.SessionHandle) error {
		there := false
		for _, o := range present {
			there = there || o.serial == e.serial
		}
		if !there {
			if err := t.createMark(h, e); err != nil {
				return err
			}
		}
		for _, o := range present {
			if o.serial == e.serial {
				continue
			}
			if err := t.p.DestroyObject(h, o.handle); err != nil {
				return fmt.Errorf("destroying an older data object: %w", err)
			}
		}
		return nil
	})
	return t.unlessWell(err)
}

// unlessWell drops the code of an error that speaks of a lost device when the token is well: a full
// token and a damaged object are CKR_GENERAL_ERROR, too, and no reason to give up a token that signs.
func (t *token) unlessWell(err error) error {
	if err == nil || classify(err) != failDead {
		return err
	}
	well := t.sessions.with(func(h pkcs11.SessionHandle) error {
		_, err := t.p.GenerateRandom(h, 8)
		return err
	})
	if well != nil {
		return err
	}
	return errors.New(err.Error())
}

func (t *token) createMark(h pkcs11.SessionHandle, e envelope) error {
	content := e.marshal()
	o, err := t.p.CreateObject(h, markTemplate(
		pkcs11.NewAttribute(pkcs11.CKA_MODIFIABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, content)))
	if err != nil {
		return fmt.Errorf("making a data object: %w", err)
	}
	got, err := readValue(t.p, h, o)
	if err == nil && string(got) != string(content) {
		err = errors.New("a data object came back altered")
	}
	if err != nil {
		return errors.Join(err, t.p.DestroyObject(h, o))
	}
	return nil
}
