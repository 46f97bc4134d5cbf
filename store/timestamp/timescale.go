package timestamp

import (
	"fmt"
	"time"
)

// drift is the most a kernel's clock may be steered (500 ppm, adjtimex): how
// far CLOCK_BOOTTIME may run wrong while it carries a time.
const drift = 500e-6

// timescale is CLOCK_BOOTTIME read as a date. Nobody can set it, so a
// question to a server and the time since the last agreement are measured
// without regard to what happens to the machine's clock meanwhile. It is not
// the time: an agreement says how far it is from it.
type timescale struct {
	epoch    time.Time // the machine's clock at boot
	boot     time.Duration
	boottime func() (time.Duration, error)
	wall     func() time.Time
}

func newTimescale(c GuardConfig) (timescale, error) {
	boot, err := c.Boottime()
	if err != nil {
		return timescale{}, fmt.Errorf("starting the clock's guard: %w", err)
	}
	return timescale{epoch: c.Now().Round(0).UTC(), boot: boot, boottime: c.Boottime, wall: c.Now}, nil
}

func (t timescale) at(boot time.Duration) time.Time { return t.epoch.Add(boot - t.boot) }

// read takes both clocks at one instant: a pause of the process between the
// two readings would look like a clock that was moved, so it reads again.
func (t timescale) read() (boot time.Duration, wall time.Time, err error) {
	for range 4 {
		boot, err = t.boottime()
		if err != nil {
			return 0, time.Time{}, err
		}
		wall = t.wall().Round(0).UTC()
		after, err := t.boottime()
		if err != nil {
			return 0, time.Time{}, err
		}
		if after-boot < 10*time.Millisecond {
			break
		}
	}
	return boot, wall, nil
}

// aged is how far time carried over an age may have run wrong.
func aged(age time.Duration) time.Duration {
	return time.Duration(float64(age) * drift)
}
