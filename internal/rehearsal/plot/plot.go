// Package plot draws series over time as SVG: panels above each other with one
// time axis, grid lines, labelled axes and legends. The colours can be read on
// a light and on a dark background, and no two lines of a panel differ by
// colour alone: each has its own dashes.
package plot

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Figure is a picture: panels over a common time axis, in seconds.
type Figure struct {
	Title    string
	Seconds  float64
	Panels   []Panel
	Shade    [2]float64 // a span to mark, in seconds; empty if both are equal
	ShadeTag string
}

// Panel is one diagram.
type Panel struct {
	// Label names the axis, with the unit.
	Label string
	Lines []Line
	// Log draws the axis logarithmically; values of 0 and less are left out.
	Log bool
}

// Line is a series; gaps are NaN.
type Line struct {
	Name string
	// Every is the distance of values in seconds; the first one is at half of it.
	Every  float64
	Values []float64
	// Faint lines are for comparison.
	Faint bool
}

const (
	width, panelHeight   = 760.0, 150.0
	left, right, top     = 64.0, 150.0, 34.0
	between, bottom      = 22.0, 40.0
	inner                = width - left - right
	ink, faint, shadeInk = "#7d8590", "#9aa2ad", "#d29922"
)

// Colours of middle lightness, apart also for the colour-blind.
var colours = []string{"#1f78d1", "#d9541e", "#2a9d5c", "#a05cc9"}

var dashes = []string{"", "6 3", "2 3", "8 3 2 3"}

// WriteSVG writes the picture.
func (f *Figure) WriteSVG(w io.Writer) error {
	var b strings.Builder
	height := top + float64(len(f.Panels))*(panelHeight+between) + bottom
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" font-family="system-ui, sans-serif" font-size="11" fill="%s" role="img" aria-label="%s">`+"\n",
		num(width), num(height), ink, escape(f.Title))
	fmt.Fprintf(&b, `<text x="%s" y="18" font-size="13" font-weight="600">%s</text>`+"\n", num(left), escape(f.Title))
	for i := range f.Panels {
		f.panel(&b, &f.Panels[i], top+float64(i)*(panelHeight+between))
	}
	y := top + float64(len(f.Panels))*(panelHeight+between) - between
	for _, t := range ticks(0, f.Seconds, 8) {
		fmt.Fprintf(&b, `<text x="%s" y="%s" text-anchor="middle">%s</text>`+"\n", num(f.x(t)), num(y+15), num(t))
	}
	fmt.Fprintf(&b, `<text x="%s" y="%s" text-anchor="middle">time in seconds</text>`+"\n</svg>\n", num(left+inner/2), num(y+32))
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Figure) x(t float64) float64 { return left + t/f.Seconds*inner }

// panel draws one diagram with its upper edge at y.
func (f *Figure) panel(b *strings.Builder, p *Panel, y float64) {
	low, high := p.bounds()
	scale := func(v float64) float64 {
		if p.Log {
			return y + panelHeight*(1-(math.Log10(v)-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
		}
		return y + panelHeight*(1-(v-low)/(high-low))
	}
	if f.Shade[1] > f.Shade[0] {
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="0.14"/>`+"\n",
			num(f.x(f.Shade[0])), num(y), num(f.x(f.Shade[1])-f.x(f.Shade[0])), num(panelHeight), shadeInk)
		fmt.Fprintf(b, `<text x="%s" y="%s" fill="%s">%s</text>`+"\n", num(f.x(f.Shade[0])+3), num(y+12), shadeInk, escape(f.ShadeTag))
	}
	marks := ticks(low, high, 5)
	if p.Log {
		marks = decades(low, high)
	}
	for _, v := range marks {
		fmt.Fprintf(b, `<line x1="%s" x2="%s" y1="%s" y2="%[3]s" stroke="%s" stroke-opacity="0.3"/>`, num(left), num(left+inner), num(scale(v)), ink)
		fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="end">%s</text>`+"\n", num(left-6), num(scale(v)+4), num(v))
	}
	fmt.Fprintf(b, `<text transform="translate(14 %s) rotate(-90)" text-anchor="middle">%s</text>`+"\n", num(y+panelHeight/2), escape(p.Label))
	for i, l := range p.Lines {
		colour, thick := colours[i%len(colours)], "1.8"
		if l.Faint {
			colour, thick = faint, "1.2"
		}
		style := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="%s" stroke-dasharray="%s" stroke-linejoin="round"`, colour, thick, dashes[i%len(dashes)])
		fmt.Fprintf(b, `<path d="%s" %s/>`+"\n", f.path(&l, p.Log, scale), style)
		at := y + 10 + 16*float64(i)
		fmt.Fprintf(b, `<path d="M%s %sh24" %s/>`, num(left+inner+10), num(at), style)
		fmt.Fprintf(b, `<text x="%s" y="%s">%s</text>`+"\n", num(left+inner+40), num(at+4), escape(l.Name))
	}
}

// path draws a line, interrupted where there is no value.
func (f *Figure) path(l *Line, log bool, scale func(float64) float64) string {
	var b strings.Builder
	pen := "M"
	for i, v := range l.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) || (log && v <= 0) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%s %s", pen, num(f.x((float64(i)+0.5)*l.Every)), num(scale(v)))
		pen = "L"
	}
	return b.String()
}

// bounds returns the axis' ends, such that everything fits.
func (p *Panel) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, l := range p.Lines {
		for _, v := range l.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !p.Log) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if p.Log {
		if high <= 0 {
			return 1, 10
		}
		return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Max(math.Ceil(math.Log10(high)), math.Floor(math.Log10(low))+1))
	}
	return 0, max(high*1.08, 1)
}

// ticks returns round values between two, about so many.
func ticks(low, high float64, about int) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(about))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*m) <= float64(about) {
			step *= m
			break
		}
	}
	var all []float64
	for i := math.Ceil(low / step); i*step <= high*(1+1e-9); i++ {
		all = append(all, i*step)
	}
	return all
}

func decades(low, high float64) []float64 {
	var all []float64
	for v := low; v <= high*1.0001; v *= 10 {
		all = append(all, v)
	}
	return all
}

// num writes a number briefly.
func num(v float64) string {
	if math.Abs(v) >= 100 {
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
