package config

import (
	"fmt"
	"strings"
)

// maxCandidates bounds the work for one suggestion.
const maxCandidates = 500

// didYouMean returns `; did you mean "x"?` for the known word closest to the
// one given, and nothing when none is close.
func didYouMean(word string, known []string) string {
	best, bestDistance := "", len(word)/3+2
	for _, k := range known[:min(len(known), maxCandidates)] {
		if strings.EqualFold(word, k) {
			best = k
			break
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the number of letters to insert, remove, replace or swap with
// their neighbour to make a into b. Words much longer than any key cost
// nothing: they are as far away as they are long.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 256 {
		return max(len(a), len(b))
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// listed joins words for a sentence: a, b or c.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
