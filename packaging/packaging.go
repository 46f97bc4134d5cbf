// Package packaging holds what is shipped beside the binaries and also put into receipts.
package packaging

import _ "embed"

// VerifyScript is verify.sh: it verifies a receipt with sh, openssl and unzip alone. The copy in a
// receipt is a convenience; whoever verifies fetches his own from elsewhere.
//
//go:embed verify.sh
var VerifyScript []byte
