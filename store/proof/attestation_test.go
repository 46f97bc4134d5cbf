package proof

import (
	"reflect"
	"testing"
)

func TestAttestationRoundTrip(t *testing.T) {
	a := sampleAttestation()
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseAttestation(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, a) {
		t.Fatalf("got %+v\nwant %+v", got, a)
	}
}
