package wire

// Addresses of the monitor's listener, which stand outside of [Prefix].
const (
	PathHealth  = "/healthz"
	PathReady   = "/readyz"
	PathMetrics = "/metrics"
)

// Health is the reply of [PathHealth] and [PathReady]: 200 when OK, else 503.
type Health struct {
	OK       bool     `json:"ok"`
	Reasons  []Reason `json:"reasons"`  // what stands against it; empty when OK
	Concerns []Reason `json:"concerns"` // of PathReady: what wants a person though deposits are taken
}

// Reason is one thing that is not well.
type Reason struct {
	Code    string `json:"code"`              // one of the Reason constants
	Message string `json:"message,omitempty"` // left out where anybody may ask
}

// The codes of reasons and, the last two, of concerns. A safe whose health fails is restarted by its watchdog; one that is not ready
// waits for what the reason names.
const (
	ReasonFault    = "fault"    // the safe stopped working and does not know its own state
	ReasonHangs    = "hangs"    // the safe does not say how it is
	ReasonStopping = "stopping" // an orderly stop is under way
	ReasonClock    = "clock"    // nothing is sealed with a clock like this
	ReasonVolumes  = "volumes"  // too few volumes are in sync, or they take no writes
	ReasonSpace    = "space"    // a volume is full
	ReasonToken    = "token"    // the token does not answer
	ReasonDegraded = "degraded" // a volume is not in service: deposits lie on fewer than they should
	ReasonLate     = "late"     // a deposit waits for its timestamp longer than the alarm allows
)
