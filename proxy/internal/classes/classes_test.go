package classes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/limiter"
)

func TestClasses(t *testing.T) {
	c := New()
	for i := range 2 * limiter.MaxClasses {
		if got := c.Add(fmt.Sprint("route", i)); got != min(i, Other) {
			t.Errorf("%d became %d", i, got)
		}
	}
	if names := c.Names(); names[Other] != "other" || names[Other-1] != fmt.Sprint("route", Other-1) || len(names) != limiter.MaxClasses {
		t.Errorf("%q", names)
	}
	for _, name := range []string{"", "other", "unheard of", strings.Repeat("x", maxName+1)} {
		if c.Number(name) != Other || New().Add(name) != Other && name != "unheard of" {
			t.Errorf("%q has a number of its own", name)
		}
	}
}
