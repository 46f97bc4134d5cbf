package timestamp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/beevik/ntp"
)

// minDistance is half of RFC 5905's MINDISP: no answer is surer than that.
const minDistance = 5 * time.Millisecond

// answer is one server's word.
type answer struct {
	server   string
	address  netip.Addr    // where the answer came from; invalid when unknown
	offset   time.Duration // to be added to the timescale
	distance time.Duration // the true offset is within this of offset
	stratum  int
	refID    uint32
	leap     ntp.LeapIndicator
}

func (a answer) low() time.Duration  { return a.offset - a.distance }
func (a answer) high() time.Duration { return a.offset + a.distance }

// Reasons to leave an answer out.
var (
	errSmeared = errors.New("the server smears leap seconds: its time is not UTC")
	errFar     = errors.New("the server's time is too uncertain")
	errRests   = errors.New("the server asked to be left alone for a while")
)

// newAnswer takes what beevik/ntp measured if it can be relied on: the server
// is synchronised, no kiss of death, fresh, within max, on plain UTC.
func newAnswer(server string, address netip.Addr, r *ntp.Response, limit time.Duration) (answer, error) {
	if err := r.Validate(); err != nil {
		if r.IsKissOfDeath() {
			return answer{}, fmt.Errorf("%w (%s)", err, r.KissCode)
		}
		return answer{}, err
	}
	if smears(r) {
		return answer{}, errSmeared
	}
	distance := max(r.RootDistance+r.Precision, minDistance)
	if distance > limit {
		return answer{}, fmt.Errorf("%w (%s)", errFar, distance)
	}
	return answer{
		server: server, address: address,
		offset: r.ClockOffset, distance: distance,
		stratum: int(r.Stratum), refID: r.ReferenceID, leap: r.Leap,
	}, nil
}

// Reference identifiers by which a server says that it smears: ntpd's
// 254.x.y.z, chrony's smoothing 127.127.1.255, Google's "GOOG".
const (
	refSmearNTPD   = 254
	refSmearChrony = 127<<24 | 127<<16 | 1<<8 | 255
	refSmearGoogle = 'G'<<24 | 'O'<<16 | 'O'<<8 | 'G'
)

func smears(r *ntp.Response) bool {
	return r.ReferenceID>>24 == refSmearNTPD || r.ReferenceID == refSmearChrony ||
		(r.Stratum == 1 && r.ReferenceID == refSmearGoogle)
}

// independent keeps one answer, the surest, of each set of servers that lean
// on one clock: they would only repeat one another.
func independent(answers []answer) []answer {
	clock := make([]int, len(answers)) // the first server on the same clock
	for i := range answers {
		clock[i] = i
		for j := range i {
			if clock[j] != clock[i] && share(answers[i], answers[j]) {
				merge(clock[:i+1], clock[i], clock[j])
			}
		}
	}
	var out []answer
	place := make(map[int]int)
	for i, a := range answers {
		at, known := place[clock[i]]
		switch {
		case !known:
			place[clock[i]] = len(out)
			out = append(out, a)
		case a.distance < out[at].distance:
			out[at] = a
		}
	}
	return out
}

// merge makes one set of two.
func merge(clock []int, from, to int) {
	for k := range clock {
		if clock[k] == from {
			clock[k] = to
		}
	}
}

// share says whether two servers lean on one clock as far as they tell: they
// are one machine, follow the same server, or one follows the other. Below
// stratum 1 the reference identifier is the address of the server followed
// (RFC 5905 7.3), except for 127.127.0.0/16, which means "my own clock".
func share(a, b answer) bool {
	if a.address.IsValid() && a.address == b.address {
		return true
	}
	if a.stratum > 1 && b.stratum > 1 && a.refID == b.refID && a.refID>>16 != 127<<8|127 {
		return true
	}
	return follows(a, b) || follows(b, a)
}

func follows(a, b answer) bool {
	if a.stratum < 2 || !b.address.Is4() {
		return false
	}
	ip := b.address.As4()
	return a.refID == uint32(ip[0])<<24|uint32(ip[1])<<16|uint32(ip[2])<<8|uint32(ip[3])
}

// sameLeap drops, while a majority announces a leap second, the servers that
// do not: they smear it or will miss it.
func sameLeap(answers []answer) []answer {
	announced := 0
	for _, a := range answers {
		if a.leap == ntp.LeapAddSecond || a.leap == ntp.LeapDelSecond {
			announced++
		}
	}
	if 2*announced <= len(answers) {
		return answers
	}
	var out []answer
	for _, a := range answers {
		if a.leap != ntp.LeapNoWarning {
			out = append(out, a)
		}
	}
	return out
}
