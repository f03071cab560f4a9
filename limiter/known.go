package limiter

import "math"

// known is what calm times tell of the service's width.
//
// A load wanders up and down by chance, and with it what is inflight. Where
// more of it costs no latency the service is wider than that, and where
// latency begins to rise its width is reached. That the service is as quick as
// ever is known then, so that the two can't be mistaken for each other; under
// an overload they can, and to learn the width there takes hundreds of
// requests, which is seconds in which too many or too few are let in. So by
// the time that the service is overloaded, its width is known from before.
//
// It is seen level by level: for each width of the fit's grid, the mean
// logarithm of latency over the baseline of requests that found so much
// inflight. Only windows without a queue to speak of count.
type known struct {
	levels [fitGrid]level
	at     int64 // when a window last counted
}

// level is what was seen at about so much inflight: so many samples, and the
// sum of their logarithms over the baseline.
type level struct{ n, sum float64 }

const (
	knownMemory = 60e9  // ns, in which a level's samples fall to a share of 1/e
	knownMost   = 300.0 // samples of a level: older ones make room
	knownLeast  = 3.0   // samples of a level that says something
	knownError  = .03   // of a level's logarithm of latency: what the model doesn't know
	knownFades  = 5e9   // ns, in which what was known falls to a share of 1/e under load
	widthMoves  = .15   // how probable it is that the width isn't what it was
)

// levelOf is the level at so much inflight.
func levelOf(occ float64) int {
	return min(int(math.Log(max(occ, 1))/fitStep+0.5), fitGrid-1)
}

func (l *level) add(log float64) {
	l.n++
	l.sum += log
}

// take adds a calm window.
func (k *known) take(now int64, w *window) {
	keep := math.Exp(-float64(now-k.at) / knownMemory)
	k.at = now
	for i := range k.levels {
		l, fresh := &k.levels[i], w.levels[i]
		n := l.n*keep + fresh.n
		if n == 0 {
			continue
		}
		most := min(1, knownMost/n)
		l.n, l.sum = n*most, (l.sum*keep+fresh.sum)*most
	}
}

// widths is how likely each width of the grid makes the levels, as logarithms
// of which the greatest is 0. spread is of the samples' logarithms, and noise
// by how much the variance of a mean exceeds that of independent samples.
func (k *known) widths(b *baselines, spread, noise float64) (log [fitGrid]float64) {
	var occ, y, precision [fitGrid]float64
	curve := b.curve()
	n := 0
	// The baseline's own error is common to all levels: it is integrated out,
	// as log s is in the fit.
	total := 1 / (usualError * usualError)
	for i, l := range k.levels {
		if l.n < knownLeast {
			continue
		}
		mean, err := l.sum/l.n, spread/math.Sqrt(l.n)
		half := math.Log(curve.inflation(mean+err)/curve.inflation(mean-err)) / 2
		occ[n], y[n] = grid[i].log, math.Log(curve.inflation(mean))
		precision[n] = 1 / (half*half*noise + knownError*knownError)
		total += precision[n]
		n++
	}
	most := math.Inf(-1)
	for i := range log {
		sum, squares := 0.0, 0.0
		for j := range n {
			r := y[j] - max(0, occ[j]-grid[i].log)
			sum += r * precision[j]
			squares += r * r * precision[j]
		}
		log[i] = (sum*sum/total - squares) / 2
		most = max(most, log[i])
	}
	for i := range log {
		log[i] -= most
	}
	return log
}

// recall takes what calm times told of the widths, at now.
func (f *fit) recall(now int64, widths [fitGrid]float64) { f.calm, f.calmAt = widths, now }

// expect computes how likely each width is before any measurement under load:
// either it is what calm times tell, or something has happened to it. What they
// tell fades, or a limit too low to show that it is wrong would stay there. And
// it counts only while clients leave, when there is no time to find out: as long
// as all of them wait, it would but hold back the limit of a service that has
// become wider.
func (f *fit) expect(now int64) {
	keep := 0.0
	if f.hurried {
		keep = math.Exp(-float64(now-f.calmAt) / knownFades)
	}
	var changed, same [fitGrid]float64
	sumChanged, sumSame := 0.0, 0.0
	for i := range grid {
		changed[i] = math.Exp(f.prior(grid[i].log))
		same[i] = changed[i] * math.Exp(f.calm[i]*keep)
		sumChanged += changed[i]
		sumSame += same[i]
	}
	for i := range grid {
		f.expected[i] = math.Log(widthMoves*changed[i] + (1-widthMoves)*same[i]*sumChanged/sumSame)
	}
}
