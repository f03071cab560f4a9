package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChosenCases(t *testing.T) {
	all, err := chosenCases("all")
	large := 0
	for _, c := range cases() {
		if c.Large {
			large++
		}
	}
	if err != nil || large == 0 || len(all) != len(cases())-large {
		t.Fatalf("all: %d of %d cases, of which %d are large, %v", len(all), len(cases()), large, err)
	}
	headline, err := chosenCases("headline,69b")
	if err != nil || len(headline) < 5 || len(headline) >= len(all) {
		t.Errorf("headline: %d cases, %v", len(headline), err)
	}
	if one, err := chosenCases("tls"); err != nil || len(one) != 1 || !one[0].TLS {
		t.Errorf("tls: %v, %v", one, err)
	}
	if _, err := chosenCases("69b,70b"); err == nil || !strings.Contains(err.Error(), `"70b"`) {
		t.Errorf("an unknown case: %v", err)
	}
}

// TestCasesAreWhole: every case says what the load generators need, under a name of its own.
func TestCasesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		if seen[c.Name] || c.Title == "" || c.Role == "" || c.Conns == 0 || !strings.HasPrefix(c.Path, "/") {
			t.Errorf("%+v", c)
		}
		seen[c.Name] = true
		if (c.Size == 0) != (c.Role == refused) {
			t.Errorf("%s: the size of its answer is %d", c.Name, c.Size)
		}
		if c.takes(1, 1, time.Second) >= c.takes(2, 1, time.Second) && c.Only == "" {
			t.Errorf("%s: two proxies take no longer than one", c.Name)
		}
	}
}

func TestChosenPeers(t *testing.T) {
	one, _, err := chosenPeers([]string{"levee"}, nil)
	if err != nil || len(one) != 1 || one[0].name != "levee" {
		t.Errorf("%+v, %v", one, err)
	}
	two, _, err := chosenPeers([]string{"levee"}, []string{"standard", "lean"})
	if err != nil || len(two) != 2 || two[0].name != "levee-standard" || two[1].engine != "lean" {
		t.Errorf("%+v, %v", two, err)
	}
	if _, _, err := chosenPeers([]string{"squid"}, nil); err == nil {
		t.Error("an unknown proxy is no error")
	}
}

// allVariants are those of all cases.
func allVariants() (all []variant) {
	for _, c := range cases() {
		all = append(all, c.variants()...)
	}
	return all
}

func TestVariants(t *testing.T) {
	plain := benchCase{Name: "plain", Keys: 7}
	if v := plain.variants(); len(v) != 1 || v[0].label != "" || v[0].Keys != 7 {
		t.Errorf("%+v", v)
	}
	grows := benchCase{Name: "grows", Grow: growth{keys: []int{10, 1_002_003}}}
	if v := grows.variants(); len(v) != 2 || v[0].Keys != 10 || v[1].label != "1,002,003 keys" || v[1].Keys != 1_002_003 {
		t.Errorf("%+v", v)
	}
}

// TestInTurn: the variants of a proxy are measured one right after the other, each as
// often first as last, and each proxy is the first in its turn.
func TestInTurn(t *testing.T) {
	var all []*running
	for _, name := range []string{"levee", "levee", "nginx", "haproxy", "haproxy"} { // nginx' second didn't start
		all = append(all, &running{peer: peer{name: name}})
	}
	for round, want := range [][]int{{0, 1, 2, 3, 4}, {2, 4, 3, 1, 0}, {3, 4, 0, 1, 2}, {1, 0, 2, 4, 3}} {
		if got := inTurn(all, round); !slices.Equal(got, want) {
			t.Errorf("round %d: %v, want %v", round, got, want)
		}
	}
	if got := inTurn(nil, 1); len(got) != 0 {
		t.Errorf("nobody: %v", got)
	}
}

// TestRoundsOfGrowth: what is to show a few percent has many rounds.
func TestRoundsOfGrowth(t *testing.T) {
	grows := benchCase{Grow: growth{keys: []int{1, 2}}}
	if runs, each := grows.rounds(3, 2*time.Second); runs < 20 || each != time.Second {
		t.Errorf("%d rounds of %v", runs, each)
	}
	plain := benchCase{}
	if runs, each := plain.rounds(3, 2*time.Second); runs != 3 || each != 2*time.Second {
		t.Errorf("%d rounds of %v", runs, each)
	}
}

// TestConfigurations: every proxy has a configuration for each case that it
// takes part in, in which nothing is left open.
func TestConfigurations(t *testing.T) {
	for _, p := range peers() {
		for _, v := range allVariants() {
			c := v.benchCase
			if _, ok := p.takesPart(&c); !ok {
				continue
			}
			s := site{benchCase: &c, Folder: t.TempDir(), Memory: "/memory", Port: 1, Spare: 2, Origin: "127.0.0.1:3", GRPC: "127.0.0.1:4", Hole: "127.0.0.1:5"}
			if err := s.writeFiles(p.files...); err != nil {
				t.Errorf("%s, %s: %v", p.name, c.Name, err)
			}
			if arguments, _ := p.command(&s); p.floor == "" && !slices.ContainsFunc(arguments, func(a string) bool { return strings.Contains(a, s.Folder) }) {
				t.Errorf("%s is started without its configuration: %q", p.name, arguments)
			}
		}
	}
}
