package cache

import (
	"slices"

	"github.com/dunglas/httpsfv"
)

// Bounds on groups. RFC 9875 §2 asks for at least 32 of 32 characters each;
// more would let one response fill the index of groups.
const (
	maxGroups      = 64
	maxGroupLength = 256
)

// parseGroups reads Cache-Groups or Cache-Group-Invalidation (RFC 9875 §2, §3):
// a list of strings, their parameters ignored. An invalid field, or one over
// the bounds, is ignored as a whole.
func parseGroups(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil || len(list) > maxGroups {
		return nil
	}
	groups := make([]string, 0, len(list))
	for _, member := range list {
		item, _ := member.(httpsfv.Item)
		group, ok := item.Value.(string)
		if !ok || len(group) > maxGroupLength {
			return nil
		}
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}
