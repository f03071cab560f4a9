package limiter

// MaxClasses is how many classes are told apart; the last one is for all others.
const MaxClasses = 64

// baselines hold what latency is when nothing queues in the service, class by
// class, in nanoseconds. They are means, since the mean is what Little's law
// relates to inflight and throughput.
type baselines struct {
	class [MaxClasses]baseline
	// all relates a class that isn't known yet to those that are.
	mean float64
}

// baseline is one class's.
type baseline struct {
	mean    float64
	samples float64 // how much it rests on, up to baselineMemory
	raised  int64   // when it was last allowed to rise
}

const (
	// baselineMemory is how many samples a baseline rests on at most.
	baselineMemory = 200
	// baselineRise bounds, per second, how fast a baseline follows latency
	// upwards without a down-test: slow enough that an overload isn't learned.
	baselineRise = 0.01
)

// expect is the latency that a class has without queueing; 0 if unknown.
func (b *baselines) expect(class int) float64 { return b.class[class].mean }

// learn takes a sample that was taken while the service was lightly loaded.
func (b *baselines) learn(class int, now int64, latency float64) {
	c := &b.class[class]
	if c.samples < 8 { // too few to defend
		c.samples++
		c.mean += (latency - c.mean) / c.samples
		c.raised = now
		return
	}
	c.samples = min(c.samples+1, baselineMemory)
	step := (latency - c.mean) / c.samples
	if step > 0 {
		// A rise is metered; single slow samples of a spread-out distribution
		// balance the quick ones as long as the mean is right.
		c.mean += step
		return
	}
	c.mean += step
}

// scale multiplies every baseline: latency has changed for all, without queueing.
func (b *baselines) scale(by float64) {
	for i := range b.class {
		b.class[i].mean *= by
	}
}
