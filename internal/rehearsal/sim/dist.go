package sim

import (
	"math"
	"time"
)

// Shape is the form of a distribution of service times.
type Shape uint8

// The shapes, with the squared coefficient of variation of each.
const (
	// Fixed: always the mean (0).
	Fixed Shape = iota
	// HalfFixed: half of the mean always, the other half exponential (0.25).
	HalfFixed
	// Exponential (1).
	Exponential
	// LogNormal with sigma 1: the median is 0.61 means, the p99 6.2 (1.72).
	LogNormal
	// Bimodal: one in ten is ten times as dear as the nine others (2.02).
	Bimodal
	// Mixed: one in ten is 31 times as dear as the nine others, so that each
	// of the cheap ones takes a quarter of the mean (5.06).
	Mixed
)

// String names the shape as in the report.
func (s Shape) String() string {
	switch s {
	case Fixed:
		return "fixed"
	case HalfFixed:
		return "half fixed"
	case Exponential:
		return "exponential"
	case LogNormal:
		return "log-normal"
	case Bimodal:
		return "bimodal"
	case Mixed:
		return "mixed"
	}
	return "unknown"
}

// logNormalSigma is the standard deviation of the logarithm.
const logNormalSigma = 1.0

// dearShare is the share of dear requests of Bimodal and Mixed.
const dearShare = 0.1

// Dist is a distribution of durations, known by its shape and its mean.
type Dist struct {
	Shape Shape
	// Mean must not be negative; zero makes every draw zero.
	Mean time.Duration
}

// Quantile returns the duration below which a share of q lies; q must be in
// [0, 1). It is the inverse of [Dist.CDF], and how values are drawn.
func (d Dist) Quantile(q float64) time.Duration {
	m := float64(d.Mean)
	switch d.Shape {
	case HalfFixed:
		return time.Duration(m/2 - m/2*math.Log1p(-q))
	case Exponential:
		return time.Duration(-m * math.Log1p(-q))
	case LogNormal:
		z := math.Sqrt2 * math.Erfinv(2*max(q, 1e-12)-1)
		return time.Duration(m * math.Exp(logNormalSigma*z-logNormalSigma*logNormalSigma/2))
	case Bimodal:
		return twoPoints(q, m, 10)
	case Mixed:
		return twoPoints(q, m, 31)
	}
	return d.Mean
}

// CDF returns the share of draws that are at most t.
func (d Dist) CDF(t time.Duration) float64 {
	m, x := float64(d.Mean), float64(t)
	switch d.Shape {
	case HalfFixed:
		if x < m/2 {
			return 0
		}
		return -math.Expm1(-(x - m/2) / (m / 2))
	case Exponential:
		return -math.Expm1(-max(x, 0) / m)
	case LogNormal:
		if x <= 0 {
			return 0
		}
		z := (math.Log(x/m) + logNormalSigma*logNormalSigma/2) / logNormalSigma
		return 0.5 * math.Erfc(-z/math.Sqrt2)
	case Bimodal:
		return twoPointsCDF(x, m, 10)
	case Mixed:
		return twoPointsCDF(x, m, 31)
	}
	if t < d.Mean {
		return 0
	}
	return 1
}

// Scale returns the distribution with its mean multiplied.
func (d Dist) Scale(by float64) Dist {
	return Dist{Shape: d.Shape, Mean: time.Duration(float64(d.Mean) * by)}
}

func twoPoints(q, mean, ratio float64) time.Duration {
	cheap := mean / (1 - dearShare + dearShare*ratio)
	if q < 1-dearShare {
		return time.Duration(cheap)
	}
	return time.Duration(cheap * ratio)
}

func twoPointsCDF(x, mean, ratio float64) float64 {
	// Values are rounded down to the nanosecond when drawn.
	cheap := mean / (1 - dearShare + dearShare*ratio)
	switch {
	case x < math.Floor(cheap):
		return 0
	case x < math.Floor(cheap*ratio):
		return 1 - dearShare
	}
	return 1
}
