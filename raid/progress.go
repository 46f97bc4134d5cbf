package raid

import (
	"sync"
	"time"
)

// meterSpan is over how long the rate of a copy is taken.
const meterSpan = 5 * time.Second

// meter measures how far a volume is with being brought up.
type meter struct {
	mu    sync.Mutex
	p     Progress
	marks []meterMark // of the last meterSpan, oldest first
}

type meterMark struct {
	at   time.Time
	done int64
}

// newMeter begins to measure; done is what an interrupted copy had done already.
func newMeter(whole, resumed bool, done, total int64, now time.Time) *meter {
	return &meter{
		p:     Progress{Whole: whole, Resumed: resumed, Started: now, Done: done, Total: max(total, done)},
		marks: []meterMark{{now, done}},
	}
}

// add counts bytes done.
func (m *meter) add(bytes int64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Done += bytes
	m.p.Total = max(m.p.Total, m.p.Done)
	m.marks = append(m.marks, meterMark{now, m.p.Done})
	for len(m.marks) > 2 && now.Sub(m.marks[1].at) > meterSpan {
		m.marks = m.marks[1:]
	}
	if len(m.marks) > 256 { // enough for a rate
		m.marks = append(m.marks[:1], m.marks[128:]...)
	}
}

// expect says how much is left, as it is known now.
func (m *meter) expect(left int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Total = m.p.Done + max(0, left)
}

// progress is how far a member is with being brought up, nil if it is not. mu is held.
func (mem *member) progress(now time.Time) *Progress {
	if mem.role != roleSyncing {
		return nil
	}
	return mem.meter.progress(now)
}

// progress is what there is to show; nil of no meter.
func (m *meter) progress(now time.Time) *Progress {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.p
	if took := now.Sub(m.marks[0].at); took > 0 {
		p.Rate = int64(float64(p.Done-m.marks[0].done) / took.Seconds())
	}
	if p.Rate > 0 {
		p.Left = (time.Duration(float64(p.Total-p.Done)/float64(p.Rate)*float64(time.Second)) / time.Second * time.Second)
	}
	return &p
}
