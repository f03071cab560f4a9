package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	l, err := parseWrk([]byte("Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n" +
		`{"Requests":2000,"Bad":3,"Broken":1,"Took":1000500000,"P50":1250000,"P99":9000000}` + "\n"))
	want := load{Requests: 2000, Bad: 3, Broken: 1, Took: 1000500 * time.Microsecond, P50: 1250 * time.Microsecond, P99: 9 * time.Millisecond}
	if err != nil || l != want {
		t.Errorf("%+v, %v; want %+v", l, err, want)
	}
	for _, bad := range []string{"", "unable to connect", `{"Requests":`} {
		if _, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestParseTimes(t *testing.T) {
	l, err := parseTimes(strings.NewReader("1700000000000000\t200\t300\n1700000000000100\t200\t100\n1700000000000200\t503\t200\n"))
	want := load{Requests: 3, Bad: 1, P50: 200 * time.Microsecond, P99: 300 * time.Microsecond}
	if err != nil || l != want {
		t.Errorf("%+v, %v; want %+v", l, err, want)
	}
	if _, err := parseTimes(strings.NewReader("200\n")); err == nil {
		t.Error("half a line is no error")
	}
	if l, err := parseTimes(strings.NewReader("")); err != nil || l.Requests != 0 {
		t.Errorf("nothing: %+v, %v", l, err)
	}
}

// TestSound: runs that count for nothing.
func TestSound(t *testing.T) {
	for _, tc := range []struct {
		name     string
		role     role
		load     load
		atOrigin int
		ok       bool
	}{
		{"all well", proxied, load{Requests: 1000}, 1010, true},
		{"nothing", proxied, load{}, 0, false},
		{"wrong statuses", proxied, load{Requests: 1000, Bad: 1}, 1000, false},
		{"not asked at the origin", proxied, load{Requests: 1000}, 900, false},
		{"broken", proxied, load{Requests: 1000, Broken: 3}, 1000, false},
		{"hits", cached, load{Requests: 1000}, 10, true},
		{"misses", cached, load{Requests: 1000}, 11, false},
		{"refused", refused, load{Requests: 1000, Bad: 1000}, 0, true},
		{"let through", refused, load{Requests: 1000, Bad: 900}, 100, false},
	} {
		r := &running{site: site{benchCase: &benchCase{Role: tc.role}}}
		if err := r.sound(tc.load, tc.atOrigin); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
