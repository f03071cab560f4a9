package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		figures []float64
		want    spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 2}, spread{2, 3, 4}},
		{[]float64{5, 1, 2}, spread{1, 2, 5}},
	} {
		if got, ok := spreadOf(tc.figures); !ok || got != tc.want {
			t.Errorf("%v: %+v, %v", tc.figures, got, ok)
		}
	}
	if _, ok := spreadOf(nil); ok {
		t.Error("a spread of nothing")
	}
}

func TestQuartiles(t *testing.T) {
	for _, tc := range []struct {
		figures []float64
		want    spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 2}, spread{2, 3, 4}},
		{[]float64{5, 1, 2, 4, 3}, spread{2, 3, 4}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 900}, spread{2, 4.5, 7}},
	} {
		if got, ok := quartilesOf(tc.figures); !ok || got != tc.want {
			t.Errorf("%v: %+v, %v, want %+v", tc.figures, got, ok, tc.want)
		}
	}
	if _, ok := quartilesOf(nil); ok {
		t.Error("quartiles of nothing")
	}
}

// TestRatioGoesByRounds: a minute in which the machine was slow doesn't change it.
func TestRatioGoesByRounds(t *testing.T) {
	ours := &peerResult{Samples: []sample{{CPU: 30}, {CPU: 300}, {CPU: 30}}}
	other := &peerResult{Samples: []sample{{CPU: 20}, {CPU: 200}, {CPU: 20}}}
	if got, ok := ratio(ours, other, cpu); !ok || got != (spread{1.5, 1.5, 1.5}) {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := ratio(ours, &peerResult{}, cpu); ok {
		t.Error("a ratio to nothing")
	}
}

func example() *report {
	return &report{Cases: []caseResult{
		{Name: "69b", Title: "69 B answers", Seconds: 2, Peers: []peerResult{
			{Name: "levee", Samples: []sample{{CPU: 30, Rate: 30_000, P50: 1, P99: 2, RSS: 30e6}, {CPU: 32, Rate: 29_000, P50: 1, P99: 2, RSS: 30e6}}},
			{Name: "nginx", Version: "1.22.1", Samples: []sample{{CPU: 20, Rate: 40_000}, {CPU: 20, Rate: 40_000}}},
			{Name: "bare", Version: "12.2.0", Floor: "bare, C: does nothing", Samples: []sample{{CPU: 10}, {CPU: 10}}},
			{Name: "varnish", Absent: "on holiday"},
			{Name: "caddy", Failed: "it ended\nand said why"},
		}},
		{Name: "idle", Title: "idle ones", Peers: []peerResult{{Name: "levee", Samples: []sample{{RSS: 100e6, PerConnection: 8000}}}}},
	}}
}

func TestTables(t *testing.T) {
	text := example().tables()
	for _, want := range []string{
		"20.0 (1.55×)",
		"30.0, 31.0, 32.0 µs", "1.50, 1.55, 1.60", "29500", "nginx 1.22.1",
		"varnish: on holiday; caddy failed: it ended.", "2 runs of 2 s",
		"8.0, 8.0, 8.0 KB",
		"| bare, C: does nothing | 10.0, 10.0, 10.0 µs | 3.00, 3.10, 3.20 ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if overview := example().overview(); strings.Contains(overview, "bare") {
		t.Errorf("what is no proxy stands among them:\n%s", overview)
	}
	if floors := example().floors(); !strings.Contains(floors, "31.0  | 10.0 (3.10×)") || strings.Contains(floors, "nginx") {
		t.Errorf("%s", floors)
	}
	if !example().failed() || (&report{}).failed() {
		t.Error("a failure isn't one")
	}
}

// TestGrowth: a proxy that grows is compared with itself.
func TestGrowth(t *testing.T) {
	r := &report{Cases: []caseResult{{Name: "routes", Title: "more and more routes", Peers: []peerResult{
		{Name: "levee", Variant: "10 routes", Samples: []sample{{CPU: 30, Rate: 1}}},
		{Name: "levee", Variant: "10,000 routes", Samples: []sample{{CPU: 33, Rate: 1}}},
		{Name: "nginx", Variant: "10 routes", Samples: []sample{{CPU: 20, Rate: 1}}},
		{Name: "nginx", Variant: "10,000 routes", Samples: []sample{{CPU: 30, Rate: 1}}},
	}}}}
	text := r.tables()
	for _, want := range []string{"levee, 10,000 routes", "1.10, 1.10, 1.10", "1.50, 1.50, 1.50"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "×") {
		t.Errorf("a case that grows stands in the overview:\n%s", text)
	}
}

// TestWrite: what wasn't measured this time stays.
func TestWrite(t *testing.T) {
	folder := t.TempDir()
	page := "# Figures\n\n" + beginMark + "\nold\n" + endMark + "\n\nthe rest\n"
	if err := os.WriteFile(filepath.Join(folder, documentFile), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := example().write(folder); err != nil {
		t.Fatal(err)
	}
	again := &report{Cases: []caseResult{{Name: "69b", Title: "69 B answers", Note: "measured again"}}}
	if err := again.write(folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, documentFile))
	if err != nil {
		t.Fatal(err)
	}
	for want, there := range map[string]bool{"# Figures": true, "the rest": true, "idle ones": true, "measured again": true, "nginx": false, "old": false} {
		if strings.Contains(string(text), want) != there {
			t.Errorf("%q: %v in\n%s", want, !there, text)
		}
	}
	if all, err := readReport(filepath.Join(folder, figuresFile)); err != nil || len(all.Cases) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := between("no marks", ""); err == nil {
		t.Error("a page without marks is no error")
	}
}

// TestDocumentHasItsMarks: -write has a place to write to.
func TestDocumentHasItsMarks(t *testing.T) {
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := between(string(page), "x"); err != nil {
		t.Error(err)
	}
}
