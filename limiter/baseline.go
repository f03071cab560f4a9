package limiter

import "math"

// MaxClasses is how many classes are told apart; the last one is for all others.
const MaxClasses = 64

// baselines hold what latency is when nothing queues in the service: for each
// class its geometric mean, and for all together how latencies spread around it.
type baselines struct {
	class [MaxClasses]baseline
	since uint32 // samples dispatched at or before this step are of another time

	shape [shapeSize]float64 // latest latencies without queueing, over their class's mean
	seen  int                // how many of them there were
}

// baseline is one class's mean logarithm, and how many samples it rests on.
type baseline struct {
	log, samples float64
}

const (
	// baselineMemory is how many samples a baseline rests on at most.
	baselineMemory = 300
	// shapeSize is how many latencies are kept to know the spread.
	shapeSize = 128
	// shapeLeast is how many of them are a spread.
	shapeLeast = 8
)

// expect is the latency that a class has without queueing, in ns; 0 if unknown.
func (b *baselines) expect(class int) float64 {
	if b.class[class].samples == 0 {
		return 0
	}
	return math.Exp(b.class[class].log)
}

// learn takes a sample that was taken without queueing.
func (b *baselines) learn(class int, logLatency float64) {
	c := &b.class[class]
	c.samples = min(c.samples+1, baselineMemory)
	c.log += (logLatency - c.log) / c.samples
}

// form takes a sample's latency over its class's baseline, for the shape.
func (b *baselines) form(log float64) {
	b.shape[b.seen%shapeSize] = math.Exp(log)
	b.seen++
}

// scale multiplies every baseline: latency has changed for all, without queueing.
func (b *baselines) scale(logBy float64) {
	for i := range b.class {
		b.class[i].log += logBy
	}
}

// inflation turns a mean logarithm over the baseline into how many times
// longer the mean request took: it looks for the wait that, added to each of
// the latencies without queueing, would give that mean logarithm. 1: no wait.
// Below 1: faster than the baseline.
func (b *baselines) inflation(logMean float64) float64 {
	if logMean <= 0 {
		return math.Exp(logMean)
	}
	shape := b.shape[:min(b.seen, shapeSize)]
	if len(shape) < shapeLeast {
		return math.Exp(logMean)
	}
	own, mean := b.moments()
	n := float64(len(shape))
	low, high := 0.0, mean*math.Exp(logMean)*4
	for range 24 {
		wait := (low + high) / 2
		with := 0.0
		for _, s := range shape {
			with += math.Log(s + wait)
		}
		if with/n-own < logMean {
			low = wait
		} else {
			high = wait
		}
	}
	return 1 + (low+high)/2/mean
}

// moments are the mean logarithm of the shape's latencies, and their mean.
func (b *baselines) moments() (log, mean float64) {
	shape := b.shape[:min(b.seen, shapeSize)]
	for _, s := range shape {
		log += math.Log(s)
		mean += s
	}
	n := float64(len(shape))
	return log / n, mean / n
}
