package volume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// Socket is the descriptor the mirror hands a volume process.
const Socket = 3

// Main is the whole of `casemated volume DIR`: confines the process to dir where the kernel can,
// takes the socket on descriptor 3 and serves it until it closes.
func Main(ctx context.Context, dir string) error {
	state, err := confine(dir)
	if err != nil {
		return err
	}
	f := os.NewFile(Socket, "mirror")
	if f == nil {
		return errors.New("no socket on descriptor 3: a volume is started by the mirror")
	}
	conn, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("taking the mirror's socket on descriptor 3: %w", err)
	}
	return serve(ctx, conn, dir, state)
}
