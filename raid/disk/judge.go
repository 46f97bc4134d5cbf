package disk

// Attributes of ATA drives whose raw value counts the same on all makes.
var counted = map[int]Code{
	5:   Reallocated,   // sectors found bad and replaced
	187: Uncorrectable, // errors reported to the host
	197: Pending,       // sectors waiting to be read or replaced
	198: Uncorrectable, // sectors an offline scan could not read
}

// Bits of NVMe's critical warning (NVM Express base specification, SMART / Health Information).
var critical = []struct {
	bit     uint8
	code    Code
	verdict Verdict
}{
	{0x01, SpareLow, Failing},
	{0x02, TooWarm, Warning},
	{0x04, Degraded, Failing},
	{0x08, WritesRefused, Failing},
	{0x10, BackupFailed, Failing},
	{0x20, Degraded, Warning},
}

// Limits that are ours: a drive says what it measures, not when a person should mind.
const (
	wornSoon    = 80 // percent of the written life
	wornOut     = 100
	warmPlates  = 60 // degrees Celsius
	warmChips   = 75
	selfTestBad = 1 << 7 // smartctl's exit status: its log has failed self-tests
	statusBad   = 1 << 3 // the drive says it is failing
	belowBad    = 1 << 4 // an attribute that foretells failure is below its threshold
)

// judge turns an answer into a verdict with its reasons.
func judge(s smart) (r Report) {
	if s.silent() || (s.Support != nil && !s.Support.Available) {
		switch {
		case s.says("Permission denied"), s.says("Operation not permitted"):
			return unknown(NoPermission)
		case s.Support != nil && s.Support.Available && !s.Support.Enabled:
			return unknown(SwitchedOff)
		}
		return unknown(NotOffered)
	}
	r.Verdict = OK
	r.Temperature, r.Hours, r.Wear = s.Temperature.Current, s.Hours.Hours, s.wear()
	if (s.Status != nil && !s.Status.Passed) || s.Smartctl.ExitStatus&statusBad != 0 {
		r.add(Failing, SaysFailing, 0)
	}
	r.judgeATA(s)
	r.judgeNVMe(s)
	r.judgeSCSI(s)
	if s.Smartctl.ExitStatus&selfTestBad != 0 {
		r.add(Warning, SelfTest, 0)
	}
	if w := s.wear(); w != nil && *w >= wornOut {
		r.add(Failing, Worn, *w)
	} else if w != nil && *w >= wornSoon {
		r.add(Warning, Worn, *w)
	}
	limit := int64(warmChips)
	if s.Rotation > 0 {
		limit = warmPlates
	}
	if c := s.Temperature.Current; c != nil && *c >= limit {
		r.add(Warning, TooWarm, *c)
	}
	return r
}

func (r *Report) judgeATA(s smart) {
	if s.ATA == nil {
		return
	}
	for _, a := range s.ATA.Table {
		if code, ok := counted[a.ID]; ok && a.Raw.Value > 0 {
			r.add(Warning, code, int64(min(a.Raw.Value, 1<<53)))
		}
		switch {
		case a.When == "now" && a.Flags.Prefailure:
			r.add(Failing, BelowThreshold, int64(a.ID))
		case a.When == "now" || a.When == "past":
			r.add(Warning, BelowThreshold, int64(a.ID))
		}
	}
	if s.Smartctl.ExitStatus&belowBad != 0 && r.Verdict != Failing {
		r.add(Failing, SaysFailing, 0)
	}
}

func (r *Report) judgeNVMe(s smart) {
	if s.NVMe == nil {
		return
	}
	for _, c := range critical {
		if s.NVMe.Warning&c.bit != 0 {
			r.add(c.verdict, c.code, 0)
		}
	}
	if s.NVMe.Spare < s.NVMe.Threshold {
		r.add(Failing, SpareLow, s.NVMe.Spare)
	}
	if s.NVMe.Media > 0 {
		r.add(Warning, Uncorrectable, int64(min(s.NVMe.Media, 1<<53)))
	}
}

func (r *Report) judgeSCSI(s smart) {
	if s.ScsiDefects > 0 {
		r.add(Warning, Reallocated, s.ScsiDefects)
	}
	for _, way := range []string{"read", "write", "verify"} {
		if n := s.ScsiErrors[way].Uncorrected; n > 0 {
			r.add(Warning, Uncorrectable, n)
		}
	}
}
