package verify

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"casemate/store/evidence"
	"casemate/store/proof"
	"casemate/store/seal"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// archive is an evidence record taken apart: chains of archive timestamps, each
// in DER, and their tokens.
type archive struct {
	stamps [][][]byte
	tokens [][][]byte
}

func takeApart(t testing.TB, der []byte) archive {
	t.Helper()
	s := cryptobyte.String(der)
	var body, chains cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.INTEGER) || !body.SkipASN1(asn1.SEQUENCE) || !body.ReadASN1(&chains, asn1.SEQUENCE) {
		t.Fatal("not a record")
	}
	var chain, stamp cryptobyte.String
	if !chains.ReadASN1(&chain, asn1.SEQUENCE) || !chain.ReadASN1Element(&stamp, asn1.SEQUENCE) {
		t.Fatal("not a record")
	}
	tokens := evidenceTokens(t, der)
	return archive{stamps: [][][]byte{{stamp}}, tokens: [][][]byte{tokens}}
}

func evidenceTokens(t testing.TB, der []byte) [][]byte {
	t.Helper()
	r, err := evidence.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return r.Tokens()
}

// chainsDER is the ArchiveTimeStampSequence.
func (a archive) chainsDER() []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, chain := range a.stamps {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, s := range chain {
					b.AddBytes(s)
				}
			})
		}
	})
	return b.BytesOrPanic()
}

func sha256AlgID(b *cryptobyte.Builder) {
	b.AddASN1ObjectIdentifier([]int{2, 16, 840, 1, 101, 3, 4, 2, 1})
}

func (a archive) der() []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1(asn1.SEQUENCE, sha256AlgID) })
		b.AddBytes(a.chainsDER())
	})
	return b.BytesOrPanic()
}

// stampDER is an ArchiveTimeStamp whose tree is one list.
func stampDER(list [][32]byte, token []byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), sha256AlgID)
		if len(list) > 0 {
			b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					for _, h := range list {
						b.AddASN1OctetString(h[:])
					}
				})
			})
		}
		b.AddBytes(token)
	})
	return b.BytesOrPanic()
}

type stamper func(testing.TB, [32]byte) []byte

// renewTimestamp adds a token over those of the last chain (RFC 4998, 5.2).
func (a *archive) renewTimestamp(t testing.TB, stamp stamper) {
	t.Helper()
	last := len(a.stamps) - 1
	var list [][32]byte
	for _, token := range a.tokens[last] {
		list = append(list, sha256.Sum256(token))
	}
	a.add(last, list, stamp(t, evidence.GroupHash(list)))
}

// renewTree adds a chain over every object with all chains before.
func (a *archive) renewTree(t testing.TB, group [][32]byte, stamp stamper) {
	t.Helper()
	sequence := sha256.Sum256(a.chainsDER())
	var list [][32]byte
	for _, object := range group {
		list = append(list, sha256.Sum256(append(object[:], sequence[:]...)))
	}
	a.stamps, a.tokens = append(a.stamps, nil), append(a.tokens, nil)
	a.add(len(a.stamps)-1, list, stamp(t, evidence.GroupHash(list)))
}

func (a *archive) add(chain int, list [][32]byte, token []byte) {
	if len(list) == 1 {
		list = nil
	}
	a.stamps[chain] = append(a.stamps[chain], stampDER(list, token))
	a.tokens[chain] = append(a.tokens[chain], token)
}

// A receipt of twelve years ago: every certificate in it has expired but the
// last, and each renewal came while the one before was still good.
func TestRenewedReceiptOutlivesItsCertificates(t *testing.T) {
	const year = 365 * 24 * time.Hour
	now := time.Now().UTC()
	ago := func(years int) time.Time { return now.Add(-time.Duration(years) * year) }
	w := newWorldAt(t, ago(12))
	first := w.tsa
	first.cert = first.root.issue(t, tsaTemplate(ago(12), ago(9)), first.key.Public())
	second, third, fourth := newTSAUntil(t, ago(11), ago(5)), newTSAUntil(t, ago(8), ago(1)), newTSAUntil(t, ago(4), now.Add(year))
	deposited := w.now.Add(24 * time.Hour)
	trust := writeTrustOf(t, certPEM(w.seal.cert), certPEM(first.root.cert, second.root.cert, third.root.cert, fourth.root.cert), &w.journalKey.PublicKey)
	honest := recipe{signedAt: deposited, stamp: first.stampAt(deposited), attest: func(a *proof.Attestation) {
		a.DeclaredAt, a.NotBefore = deposited, nil
	}}
	renewed := func(steps ...func(*archive, [][32]byte)) deposit {
		r := honest
		r.renew = func(der []byte, group [][32]byte) []byte {
			a := takeApart(t, der)
			for _, step := range steps {
				step(&a, group)
			}
			return a.der()
		}
		return w.make(t, r)
	}
	timestamp := func(by *tsa, years int) func(*archive, [][32]byte) {
		return func(a *archive, _ [][32]byte) { a.renewTimestamp(t, by.stampAt(ago(years))) }
	}
	tree := func(by *tsa, years int) func(*archive, [][32]byte) {
		return func(a *archive, group [][32]byte) { a.renewTree(t, group, by.stampAt(ago(years))) }
	}

	whole := renewed(timestamp(second, 10), timestamp(third, 7), tree(fourth, 3), timestamp(fourth, 1))
	r := bothAccept(t, whole.write(t, true), trust)
	if !r.ProvedAt.Equal(deposited.Truncate(time.Second)) && !r.ProvedAt.Equal(deposited) {
		t.Errorf("proved at %s, deposited at %s", r.ProvedAt, deposited)
	}
	bothAccept(t, renewed(tree(second, 10), tree(third, 6), tree(fourth, 3)).write(t, true), trust)

	for name, d := range map[string]deposit{
		"never renewed":                   renewed(),
		"not renewed lately":              renewed(timestamp(second, 10), timestamp(third, 7)),
		"renewed too late":                renewed(timestamp(second, 8), timestamp(third, 7), timestamp(fourth, 3)),
		"renewed out of order":            renewed(timestamp(second, 10), timestamp(third, 7), timestamp(fourth, 2), timestamp(fourth, 3)),
		"a renewal that skips a token":    renewed(timestamp(second, 10), func(a *archive, _ [][32]byte) { skip(t, a, fourth.stampAt(ago(1))) }),
		"a renewal of other tokens":       renewed(timestamp(second, 10), func(a *archive, _ [][32]byte) { replace(t, a, fourth.stampAt(ago(3))) }),
		"a tree renewal of other objects": renewed(func(a *archive, g [][32]byte) { a.renewTree(t, g[1:], fourth.stampAt(ago(3))) }),
	} {
		t.Run(name, func(t *testing.T) { bothRefuse(t, ErrEvidence, d.write(t, true), trust) })
	}
}

// replace renews the second token and something else, but not the first.
func replace(t testing.TB, a *archive, stamp stamper) {
	t.Helper()
	list := [][32]byte{sha256.Sum256(a.tokens[0][1]), {1}}
	a.add(0, list, stamp(t, evidence.GroupHash(list)))
}

// skip renews the first token only.
func skip(t testing.TB, a *archive, stamp stamper) {
	t.Helper()
	list := [][32]byte{sha256.Sum256(a.tokens[0][0])}
	a.add(0, list, stamp(t, list[0]))
}

// Some authorities put OCSP answers beside their certificates; openssl ts
// cannot read such tokens. They are judged all the same.
func TestTokenThatCarriesOCSP(t *testing.T) {
	w := newWorld(t)
	with := func(by stamper) stamper {
		return func(t testing.TB, digest [32]byte) []byte { return addOCSP(t, by(t, digest)) }
	}
	bothAccept(t, w.make(t, recipe{stamp: with(w.tsa.stamp)}).write(t, true), w.trust)

	outsider := newTSA(t, w.now.Add(-time.Hour))
	client := openTSA(t, w.tsa.root, w.tsa.key, w.tsa.root.issue(t, seal.ClientTemplate("x", w.now.Add(-time.Hour)), w.tsa.key.Public()))
	otherDigest := func(t testing.TB, digest [32]byte) []byte { digest[0] ^= 1; return w.tsa.stamp(t, digest) }
	for name, by := range map[string]stamper{
		"outsider": outsider.stamp, "client certificate": client.stampAt(time.Now()), "another digest": otherDigest,
		"before its certificate": w.tsa.stampAt(w.now.Add(-48 * time.Hour)), "future": w.tsa.stampAt(w.now.Add(time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			bothRefuse(t, ErrEvidence, w.make(t, recipe{stamp: with(by)}).write(t, true), w.trust)
		})
	}
}

// addOCSP inserts an OtherRevocationInfoFormat (RFC 5652 10.2.1, RFC 5940) into
// the token's unsigned crls.
func addOCSP(t testing.TB, token []byte) []byte {
	t.Helper()
	s := cryptobyte.String(token)
	var info, explicit, signed, version, algorithms, content, certificates cryptobyte.String
	var oid cryptobyte.String
	context0 := asn1.Tag(0).ContextSpecific().Constructed()
	context1 := asn1.Tag(1).ContextSpecific().Constructed()
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1Element(&oid, asn1.OBJECT_IDENTIFIER) || !info.ReadASN1(&explicit, context0) ||
		!explicit.ReadASN1(&signed, asn1.SEQUENCE) || !signed.ReadASN1Element(&version, asn1.INTEGER) || !signed.ReadASN1Element(&algorithms, asn1.SET) ||
		!signed.ReadASN1Element(&content, asn1.SEQUENCE) || !signed.ReadASN1Element(&certificates, context0) {
		t.Fatal(errors.New("not a token"))
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(oid)
		b.AddASN1(context0, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				// RFC 5652, 5.1: other revocation information makes it version 5.
				b.AddBytes([]byte{2, 1, 5})
				for _, part := range [][]byte{algorithms, content, certificates} {
					b.AddBytes(part)
				}
				b.AddASN1(context1, func(b *cryptobyte.Builder) {
					b.AddASN1(context1, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier([]int{1, 3, 6, 1, 5, 5, 7, 16, 2})
						b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(0) })
					})
				})
				b.AddBytes(signed)
			})
		})
	})
	return b.BytesOrPanic()
}
