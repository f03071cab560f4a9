package cache

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	good := Config{
		DefaultTTL: time.Second, NegativeTTL: time.Second, NegativeStatuses: []int{404, 405, 410, 414, 501},
		KeyHeaders: []string{"x-tenant"}, AllowHeaders: []string{"X-region"}, KeyCookies: []string{"Session"}, DropQuery: []string{"utm_*", "fbclid"},
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(good.KeyHeaders, []string{"X-Tenant"}) || !slices.Equal(good.AllowHeaders, []string{"X-Region"}) || !slices.Equal(good.KeyCookies, []string{"Session"}) {
		t.Errorf("names: %+v", good)
	}
	if err := (&Config{}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{
		DefaultTTL: -1, LastKnownGood: longest + 1, NegativeStatuses: []int{200, 404, 503},
		KeyHeaders: []string{""}, AllowHeaders: []string{"a b"}, KeyCookies: []string{"a=b"}, DropQuery: []string{"", "a*b", "a&b"},
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`AllowHeaders: "a b"`, "DefaultTTL: -1ns", `DropQuery: ""`, `DropQuery: "a&b"`, `DropQuery: "a*b"`,
		`KeyCookies: "a=b"`, `KeyHeaders: ""`, "LastKnownGood: ", "NegativeStatuses: 200", "NegativeStatuses: 503",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d isn't %s:\n%v", i, want, err)
		}
	}
	if len(lines) != 10 {
		t.Errorf("%d errors:\n%v", len(lines), err)
	}
}
