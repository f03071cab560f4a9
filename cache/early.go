package cache

import (
	"math"
	"time"
)

// RefreshEarly tells whether a fresh response is to be refreshed already, so
// that a popular key isn't missed by all at once at its expiry. Each request
// draws u from (0, 1]; the nearer the expiry and the longer a refresh takes
// (cost), the likelier. beta above 1 refreshes earlier, below 1 later; 0 never.
//
// Source: Vattani, Chierichetti and Lowenstein, Optimal Probabilistic Cache
// Stampede Prevention, VLDB 2015.
func RefreshEarly(freshFor, cost time.Duration, beta, u float64) bool {
	return freshFor > 0 && u > 0 && -beta*float64(cost)*math.Log(u) >= float64(freshFor)
}
