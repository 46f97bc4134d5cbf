package systemd

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel answers, and does so without any right.
func TestKernelClock(t *testing.T) {
	c, err := KernelClock()
	if err != nil {
		t.Fatal(err)
	}
	if c.MaximumError < 0 || c.EstimatedError < 0 {
		t.Errorf("clock %+v", c)
	}
}

func TestClockState(t *testing.T) {
	for name, c := range map[string]struct {
		state int
		timex unix.Timex
		want  ClockState
	}{
		"kept": {unix.TIME_OK, unix.Timex{Status: unix.STA_PLL, Offset: 3, Esterror: 4, Maxerror: 5},
			ClockState{Synchronized: true, Offset: 3 * time.Microsecond, EstimatedError: 4 * time.Microsecond, MaximumError: 5 * time.Microsecond}},
		"in nanoseconds": {unix.TIME_OK, unix.Timex{Status: unix.STA_PLL | unix.STA_NANO, Offset: -3},
			ClockState{Synchronized: true, Offset: -3}},
		"never set":   {unix.TIME_ERROR, unix.Timex{Status: unix.STA_UNSYNC}, ClockState{}},
		"given up":    {unix.TIME_OK, unix.Timex{Status: unix.STA_PLL | unix.STA_UNSYNC}, ClockState{}},
		"in error":    {unix.TIME_ERROR, unix.Timex{Status: unix.STA_PLL}, ClockState{}},
		"leap asked":  {unix.TIME_OK, unix.Timex{Status: unix.STA_INS}, ClockState{Synchronized: true, LeapPending: true}},
		"leap coming": {unix.TIME_INS, unix.Timex{}, ClockState{Synchronized: true, LeapPending: true}},
		"in the leap": {unix.TIME_OOP, unix.Timex{}, ClockState{Synchronized: true, LeapPending: true}},
		"after it":    {unix.TIME_WAIT, unix.Timex{}, ClockState{Synchronized: true}},
	} {
		if got := clockState(c.state, c.timex); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// Time since boot goes on and cannot be the wall clock.
func TestBoottime(t *testing.T) {
	one, err := Boottime()
	if err != nil {
		t.Fatal(err)
	}
	two, err := Boottime()
	if err != nil || two < one || one <= 0 || one > 10*365*24*time.Hour {
		t.Errorf("%s, then %s, %v", one, two, err)
	}
}
