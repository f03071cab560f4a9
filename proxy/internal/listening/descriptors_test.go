package listening

import (
	"testing"

	"github.com/levee-proxy/levee/config"
)

// TestMachineDescriptorsAreReserved: the derived cap leaves descriptors for
// each connection's upstream, and for admin and logs.
func TestMachineDescriptorsAreReserved(t *testing.T) {
	limit := descriptorLimit()
	if got := ConnectionCap(&config.Limits{}); limit > 0 && got*2+reservedDescriptors > limit && got > 1 {
		t.Errorf("%d connections under a limit of %d", got, limit)
	}
	if got := ConnectionCap(&config.Limits{Connections: 7}); got != 7 {
		t.Errorf("configured 7, got %d", got)
	}
}
