package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func figure() Figure {
	return Figure{
		Title: `A "title" & <more>`, Seconds: 40, Shade: [2]float64{10, 16}, ShadeTag: "trigger",
		Panels: []Panel{
			{Label: "requests", Lines: []Line{{Name: "limit", Every: 1, Values: []float64{1, 2, math.NaN(), 8}}, {Name: "old", Faint: true, Every: 1, Values: []float64{0, math.Inf(1)}}}},
			{Label: "ms", Log: true, Lines: []Line{{Name: "p99", Every: 1, Values: []float64{0, 12, 340}}}},
			{Label: "empty", Log: true, Lines: []Line{{Name: "nothing", Every: 1}}},
		},
	}
}

// TestSVG: what is written is XML, has all labels, and no number that isn't one.
func TestSVG(t *testing.T) {
	f := figure()
	var b strings.Builder
	if err := f.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	var text []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if c, ok := token.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			text = append(text, string(c))
		}
	}
	for _, want := range []string{f.Title, "requests", "ms", "limit", "old", "p99", "trigger", "time in seconds", "100"} {
		if !slices.Contains(text, want) {
			t.Errorf("%q is missing from %q", want, text)
		}
	}
	if s := b.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
		t.Error("it holds a number that isn't one")
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		about     int
		want      []float64
	}{
		{0, 40, 8, []float64{0, 5, 10, 15, 20, 25, 30, 35, 40}},
		{0, 1, 5, []float64{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}},
		{0, 330, 5, []float64{0, 100, 200, 300}},
	} {
		if got := ticks(c.low, c.high, c.about); !slices.Equal(got, c.want) {
			t.Errorf("between %v and %v: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}
