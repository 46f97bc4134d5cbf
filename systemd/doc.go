// Package systemd is the appliance's side of the service manager: it says
// when the safe is ready and still alive, takes over sockets and credentials
// the manager prepared, and reads how the kernel's clock is disciplined.
//
// Everything here does nothing, without error, where no service manager is
// running (a demonstration, a test): the environment variables that carry the
// protocol are then absent. The unit files beside this code are what the
// manager is told; DESIGN.md explains them.
package systemd

// Names the unit files and the code share.
const (
	HTTPS = "https" // FileDescriptorName of casemate.socket
	PIN   = "pin"   // credential of casemate-hsm.service
)
