package limiter

import "math"

// curve is the inflation as a function of the mean logarithm of latency over
// the baseline, at a few points with straight lines between them: for when it
// is asked for many times, and 2% more or less don't matter.
type curve struct {
	log, at [curveSize]float64
	n       int // 0: no shape is known yet
}

const (
	curveSize  = 25
	curveFirst = 0.02 // the first wait, in means; each further one is √2 times longer
)

// curve computes it for the present shape. It is what [baselines.inflation]
// looks for, the other way round.
func (b *baselines) curve() (c curve) {
	shape := b.shape[:min(b.seen, shapeSize)]
	if len(shape) < shapeLeast {
		return c
	}
	own, mean := b.moments()
	c.n, c.at[0] = curveSize, 1
	for i := 1; i < curveSize; i++ {
		wait := mean * curveFirst * math.Exp2(float64(i-1)/2)
		with := 0.0
		for _, s := range shape {
			with += math.Log(s + wait)
		}
		c.log[i], c.at[i] = with/float64(len(shape))-own, 1+wait/mean
	}
	return c
}

// inflation is at a mean logarithm.
func (c *curve) inflation(logMean float64) float64 {
	if logMean <= 0 || c.n == 0 {
		return math.Exp(logMean)
	}
	i := 1
	for i < c.n-1 && c.log[i] < logMean {
		i++
	}
	share := (logMean - c.log[i-1]) / (c.log[i] - c.log[i-1])
	return c.at[i-1] + share*(c.at[i]-c.at[i-1])
}
