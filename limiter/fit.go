package limiter

import "math"

// fit answers one question from a few measurements: how many requests can the
// service work on at once, and how long does one take? Both change, and a
// single measurement can't tell which: latency three times the baseline may be
// a queue in the service, which less inflight would cure, or a service that has
// become slow, which it would not.
//
// The model is a queue with a fixed number of workers and a fixed number of
// requests inside. Up to its width w, latency is the service's own, s times the
// baseline; beyond, by Little's law, it grows in proportion:
//
//	latency(inflight) = baseline · s · max(1, inflight / w)
//
// Each window is a point of that curve, with an error. For every width of a
// geometric grid the likelihood of all points is computed in closed form: log s
// enters linearly, so it is integrated out, under a prior that says "most
// probably as always, or else anything". Together with a prior for the width
// (likely the one known, less likely a narrower one, any wider one) this gives
// a distribution over widths, and the best limit is the one with the highest
// expected worth under it. So what is uncertain isn't pushed to a yes or no,
// and every window counts for as much as it is worth.
//
// It is Bayes' rule on a grid (Gelman et al., Bayesian Data Analysis, chapter
// 3); a point that contradicts the others by its Bayes factor says that the
// service has changed, and the others are dropped.
type fit struct {
	points [fitPoints]point
	n      int
	off    map[string]bool

	trusted bool    // the baseline is known to be latency without queueing
	width   float64 // what the service is known to work on at once; 0: unknown

	hurried  bool             // clients leave: what calm times told counts
	calm     [fitGrid]float64 // how likely calm times make each width, as logarithms
	calmAt   int64            // when that was recalled
	expected [fitGrid]float64 // how likely each width was before any point, as logarithms

	weight        [fitGrid]float64 // the distribution over widths
	slow, slowErr float64          // mean of log s, and its error

	logOcc, precisions [fitPoints]float64 // room for what is the same for every width
	precision, norm    float64
}

// point is one measurement.
type point struct {
	occ      float64 // inflight
	y        float64 // logarithm of latency over the baseline
	variance float64 // of y
	at       int64
}

const (
	fitPoints = 12
	fitGrid   = 96
	fitStep   = 0.1 // of log width: the widest is 13,000

	modelError = 0.08 // of y: what the model doesn't know
	usualError = 0.10 // of log s when nothing has happened
	anyError   = 1.2  // and otherwise: a factor of 10 is nothing unheard of
	happens    = 0.4  // how probable it is that something has
	narrower   = 0.4  // spread of log width below the one known
	wider      = 1.5  // and above

	// contradiction is the logarithm of the Bayes factor for one unchanged
	// service, below which it is taken to have changed.
	contradiction = -6.0

	sameLevel  = 0.06  // of log inflight: as good as the same
	mergeLeast = 0.004 // the variance below which points aren't merged: it would hide a change
	waitSquare = 0.5   // how the price of latency grows with it
)

// near says whether two points were measured at nearly the same inflight.
func (p point) near(q point) bool { return math.Abs(math.Log(p.occ/q.occ)) < sameLevel }

// grid holds the widths, their logarithms, and those of the limits that fit
// them: the width, and half of the queueing that is tolerated; while clients
// leave, only half as much of it by share.
var grid = func() (g [fitGrid]struct{ width, log, logFit, logLate float64 }) {
	for i := range g {
		log := float64(i) * fitStep
		w := math.Exp(log)
		g[i].width, g[i].log = w, log
		g[i].logFit = math.Log(w + max(slackLeast, slackShare*w)/2)
		g[i].logLate = math.Log(w + max(slackLeast, slackShare*w/2)/2)
	}
	return g
}()

// add takes a measurement, and drops those that it contradicts. The error of
// each grows with its age: by 1 when it is as old as memory, in ns.
func (f *fit) add(p point, memory float64) {
	if f.off["width"] {
		f.width = 0
	}
	f.expect(p.at)
	defer func() { f.evidence(f.points[:f.n], p.at, memory) }()
	if f.n == 0 {
		f.points[0], f.n = p, 1
		return
	}
	if f.points[f.n-1].merge(p) {
		return
	}
	old := f.evidence(f.points[:f.n], p.at, memory)
	alone := f.evidence([]point{p}, p.at, memory)
	if f.n == fitPoints {
		copy(f.points[:], f.points[1:])
		f.n--
	}
	f.points[f.n] = p
	f.n++
	if f.evidence(f.points[:f.n], p.at, memory)-old-alone < contradiction && !f.off["change"] {
		f.points[0], f.n = p, 1
	}
}

// merge takes q into p, if they are alike and p is no more precise than the
// model: so few points reach far back.
func (p *point) merge(q point) bool {
	if !p.near(q) || p.variance < mergeLeast || math.Abs(p.y-q.y) > 2*math.Sqrt(p.variance+q.variance+2*modelError*modelError) {
		return false
	}
	both := 1/p.variance + 1/q.variance
	share := 1 / q.variance / both
	p.y += (q.y - p.y) * share
	p.occ += (q.occ - p.occ) * share
	p.at += int64(float64(q.at-p.at) * share)
	p.variance = 1 / both
	return true
}

// evidence computes the distribution over widths, and log s, and returns the
// logarithm of the points' likelihood under the whole model.
func (f *fit) evidence(points []point, now int64, memory float64) float64 {
	var means, vars [fitGrid]float64
	most := math.Inf(-1)
	f.prepare(points, now, memory)
	for i := range grid {
		var log float64
		log, means[i], vars[i] = f.likelihood(points, grid[i].log)
		f.weight[i] = log + f.expected[i]
		most = max(most, f.weight[i])
	}
	sum := 0.0
	for i, log := range f.weight {
		f.weight[i] = math.Exp(log - most)
		sum += f.weight[i]
	}
	mean, square := 0.0, 0.0
	for i := range f.weight {
		f.weight[i] /= sum
		mean += f.weight[i] * means[i]
		square += f.weight[i] * (means[i]*means[i] + vars[i])
	}
	f.slow, f.slowErr = mean, math.Sqrt(max(0, square-mean*mean))
	return most + math.Log(sum)
}

// prior is the logarithm of how likely a width is if something has happened to it.
func (f *fit) prior(logWidth float64) float64 {
	if f.width == 0 {
		return 0
	}
	d, spread := logWidth-math.Log(f.width), wider
	if d < 0 {
		spread = narrower
	}
	return -d * d / (2 * spread * spread)
}

// prepare computes what is the same for every width: the points' logarithms
// and their precision at now.
func (f *fit) prepare(points []point, now int64, memory float64) {
	f.norm, f.precision = 0, 0
	for i, p := range points {
		age := float64(now-p.at) / memory
		v := p.variance + modelError*modelError + age*age
		f.logOcc[i], f.precisions[i] = math.Log(p.occ), 1/v
		f.precision += 1 / v
		f.norm -= math.Log(v) / 2
	}
	f.norm -= math.Log(f.precision) / 2
}

// likelihood is the logarithm of the prepared points' likelihood for a width,
// with log s integrated out, and log s's mean and variance there.
func (f *fit) likelihood(points []point, logWidth float64) (log, mean, variance float64) {
	// The points' own mean of log s, and how well they agree on it.
	precision, sum, squares := f.precision, 0.0, 0.0
	for i, p := range points {
		r := p.y - max(0, f.logOcc[i]-logWidth)
		sum += r * f.precisions[i]
		squares += r * r * f.precisions[i]
	}
	mean, variance = sum/precision, 1/precision
	log = f.norm - (squares-sum*mean)/2

	happened, usual := 1.0, 0.0
	if f.trusted {
		happened = happens
		usual = (1 - happens) * normal(mean, usualError*usualError+variance)
	}
	anything := happened * normal(mean, anyError*anyError+variance)
	share := anything / (anything + usual)
	// Under each prior the mean is drawn towards 0 by how narrow the prior is.
	toAny, toUsual := anyError*anyError*precision, usualError*usualError*precision
	mean *= share*toAny/(1+toAny) + (1-share)*toUsual/(1+toUsual)
	return log + math.Log(anything+usual), mean, variance
}

// normal is the density at x of a normal distribution around 0, but for a constant.
func normal(x, variance float64) float64 {
	return math.Exp(-x*x/(2*variance)) / math.Sqrt(variance)
}

// best is the limit from low to high that is worth most. A limit below what
// the service can do loses throughput, by the logarithm; one above it costs
// latency, by the logarithm times the price, and more the further it is above.
// late says that clients leave.
func (f *fit) best(low, high, price float64, late bool) float64 {
	best, most := low, math.Inf(-1)
	for l := low; ; l = min(max(l*1.03, l+0.25), high) {
		worth, log := 0.0, math.Log(l)
		for i := range grid {
			if f.weight[i] < 1e-6 {
				continue
			}
			d := log - grid[i].logFit
			if late {
				d = log - grid[i].logLate
			}
			if d > 0 {
				d *= -(price + waitSquare*d)
			}
			worth += f.weight[i] * d
		}
		if worth > most {
			best, most = l, worth
		}
		if l >= high {
			return best
		}
	}
}

// most is the highest inflation that would be no news at so much inflight.
func (f *fit) most(occ float64) float64 {
	if f.n == 0 {
		return 1
	}
	return math.Exp(f.slow+f.slowErr) * max(1, occ/f.quantile(0.1))
}

// quantile of the width.
func (f *fit) quantile(q float64) float64 {
	for i, p := range f.weight {
		if q -= p; q <= 0 {
			return grid[i].width
		}
	}
	return grid[fitGrid-1].width
}

// remember keeps what is known of the width for when the points are gone, and
// returns its 10%, 50% and 90% quantiles.
func (f *fit) remember() (narrowest, likely, widest float64) {
	narrowest, likely, widest = f.quantile(0.1), f.quantile(0.5), f.quantile(0.9)
	switch {
	case widest < 2*narrowest:
		f.width = likely
	case f.width > 0:
		f.width = min(max(f.width, f.quantile(0.05)), f.quantile(0.95))
	}
	return narrowest, likely, widest
}

// unqueued notes that so much was inflight without a queue. What was measured
// under load is older than that.
func (f *fit) unqueued(occ float64) {
	f.trusted, f.n = true, 0
	f.width = max(f.width+(occ-f.width)*widthGain, occ)
}

// widthGain is how fast a width that isn't seen any more is forgotten, in windows.
const widthGain = 0.02

// rebase takes a change of the baseline's logarithm.
func (f *fit) rebase(by float64) {
	for i := range f.points[:f.n] {
		f.points[i].y -= by
	}
	f.slow -= by
	f.trusted = true
}

// forget drops all but the baseline's trust.
func (f *fit) forget() { f.n, f.width = 0, 0 }
