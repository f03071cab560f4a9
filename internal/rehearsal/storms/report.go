package storms

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Report is what docs/storm-results.md says.
type Report struct {
	// Command made it, as a reader would type it.
	Command string
	// Seeds is how often each scenario was played.
	Seeds     int
	Rehearsed []Rehearsed
}

// Write writes storm-results.md into a folder, and the plots into its
// subfolder storms.
func (r *Report) Write(folder string) error {
	if err := os.MkdirAll(filepath.Join(folder, "storms"), 0o755); err != nil {
		return err
	}
	for i := range r.Rehearsed {
		s := &r.Rehearsed[i]
		if s.Plot == "" {
			continue
		}
		var b bytes.Buffer
		f := s.figure()
		if err := f.WriteSVG(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "storms", s.Plot+".svg"), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	r.markdown(&b)
	return os.WriteFile(filepath.Join(folder, "storm-results.md"), b.Bytes(), 0o644)
}

// Print writes the tables and what is missed.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	for i := range r.Rehearsed {
		r.Rehearsed[i].section(&b)
	}
	r.missed(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) markdown(w io.Writer) {
	fmt.Fprintf(w, intro, r.Command, r.Seeds)
	r.missed(w)
	for i := range r.Rehearsed {
		r.Rehearsed[i].section(w)
	}
}

const intro = `# How Levee does in a retry storm

Every figure here was measured in virtual time, by ` + "`%s`" + `: the limiter and the storm detector are the very code that runs live, as
they are configured by default, called in the order in which the proxy calls them. Each scenario is played %d times, each time with
another seed. [storm.md](storm.md) has storms over real HTTP, [retry-signals.md](retry-signals.md) says how retries are known and what clients are told.

## What is played

The service works on 16 requests at once, 40 ms each on average (half of it fixed, half exponential): 400 a second. What it has taken it works on to the end, whether
or not anyone waits. Users ask for 280 requests a second at random moments, whatever becomes of the others: 70%%. After 6 s something happens to the service, for 5 to 8 s.

- **Naive** clients give an attempt a second and try again, up to three times, after at most 25, 50 and 100 ms (full jitter), whatever they are told. Without headers, a retry of theirs
  can only be known by client and target: there are 20 clients that ask for 500 things each.
- **Three layers** are naive clients behind two further callers, each of which tries three times again all that is below it: 64 attempts for one request, if none is answered. The callers
  wait for 4 and 12 s, the user for 30 s.
- **Honouring** clients don't try again when they are told to stop, and come back when they were told to. Told nothing, they behave like the others. What a layer can't wait for is passed on to the one above.
- **Impatient** clients are naive ones that give an attempt 400 ms: two service times during the slowdown.
- **With headers**, attempts carry an id that is the same for all attempts of a request, and the number of the lowest layer's try.

Four things may stand between them and the service: nothing; Levee's limiter alone, with plain 503s; for honouring clients, everything but the words (the retry budget, and refusals that say nothing);
and everything.

## What is measured

| | bar | |
|---|---|---|
| attempts at the service | ≤ 1.1 in each run | what is let through during the trigger, as a share of what the service can work off in that time; while it is down, of what it could if it weren't |
| goodput | ≥ 95%% | what is answered well during the trigger, as a share of what the best possible limiter could have; mean of the runs |
| retries let through | ≤ 13%% in each run | of what is answered well during the trigger: 10%%, and 3%% for those that come before the storm is known or are taken for first attempts. Counted by what the clients know, not by what the detector does. While the service is down nothing is answered well: then at most 2 a second, from a second after the begin on |
| storm known | ≤ 1 s in each run | from the first refusal, failure or abandoned request of the trigger. Where all clients stop when they are told to, none builds up that had to be known |
| all well | ≤ 2 s in each run | until 99%% of what comes after the trigger is answered well, for good; never undone |
| attempts | ≥ 80%% fewer | what clients send from the trigger's begin to the end, for layers that honour what they are told, against the limiter's plain 503s |

In the plots (each of the first seed), the state is 0 when calm, 1 for watch, 2 for storm and 3 while recovering. In the tables, shares are means, and the worst run in brackets where the bar is for each. Amplification is attempts for each request, during the trigger.
`

// missed lists the bars that were missed.
func (r *Report) missed(w io.Writer) {
	fmt.Fprint(w, "\n## Bars that are missed\n\n")
	none := true
	for i := range r.Rehearsed {
		for _, m := range r.Rehearsed[i].Missed() {
			fmt.Fprintf(w, "- %s: %s\n", r.Rehearsed[i].Name, m)
			none = false
		}
	}
	if none {
		fmt.Fprintln(w, "None, with everything.")
		return
	}
	fmt.Fprint(w, reasons)
}

// reasons says what is behind such misses.
const reasons = `
How long it takes until all is well is that of the worst run, and is looked at in stretches of 300 requests: three more that fail are a miss. Without headers, a first attempt is taken for a retry if
the same client has asked for the same thing in vain a few seconds before; as long as retries are bound it may be refused. By itself, the same client asks for the same thing every 36 s here.
`

// section writes a scenario's table.
func (r *Rehearsed) section(w io.Writer) {
	title := strings.ToUpper(r.Name[:1]) + r.Name[1:]
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", title, r.Story)
	good, again := "goodput, of the ideal", "retries let through, of what is answered well"
	if r.Down() {
		good, again = "", "retries let through, a second"
	}
	head := []string{"", "attempts at the service", good, again, "storm known after", "all well after", "attempts sent", "amplification", "shed before"}
	write := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	write(head)
	fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(head)))
	for i := range r.Rows {
		write(r.cells(&r.Rows[i]))
	}
	if len(r.Clients) > 1 {
		r.shares(w)
	}
	if r.Honours() {
		all, retries := r.Fall()
		fmt.Fprintf(w, "\nAgainst plain 503s of the limiter alone, clients send %.1f%% fewer attempts; of the retries alone, %.1f%% fewer.\n", 100*all, 100*retries)
	}
	if r.Plot != "" {
		fmt.Fprintf(w, "\n![%s over time](storms/%s.svg)\n", title, r.Plot)
	}
}

func (r *Rehearsed) cells(row *Row) []string {
	good := percent(row.mean(goodput))
	again := fmt.Sprintf("%s (%s)", percent(row.mean(retries)), percent(row.worst(retries)))
	if r.Down() {
		good, again = "–", fmt.Sprintf("%.1f (%.1f)", row.mean(retryRate), row.worst(retryRate))
	}
	known := "–"
	if row.Arm == Wordless || row.Arm == Everything {
		known = seconds(row.worst(knownAfter))
	}
	well := seconds(row.worst(recovery))
	if row.worst(undone) > 0 {
		well += ", undone"
	}
	return []string{
		row.Arm.String(), fmt.Sprintf("%.2f (%.2f)", row.mean(upstream), row.worst(upstream)), good, again, known, well,
		fmt.Sprintf("%.0f", row.mean(attempts)), fmt.Sprintf("%.1f", row.mean(amplification)), fmt.Sprintf("%.0f", row.worst(shedBefore)),
	}
}

// shares writes how each population fared.
func (r *Rehearsed) shares(w io.Writer) {
	fmt.Fprint(w, "\nAnswered well of what was asked for during the trigger, by population:")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(w, "%s %s ", map[bool]string{true: "", false: ";"}[i == 0], row.Arm)
		for p := range r.Clients {
			if p > 0 {
				fmt.Fprint(w, " and ")
			}
			fmt.Fprint(w, percent(row.mean(func(m *Measures) float64 { return m.By[p] })))
		}
	}
	fmt.Fprintln(w, ".")
}

func seconds(v float64) string {
	if math.IsInf(v, 0) {
		return "never"
	}
	return fmt.Sprintf("%.2f s", v)
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
