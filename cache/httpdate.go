package cache

import (
	"strings"
	"time"
)

// ParseDate reads an HTTP date in any of its three forms (RFC 9110 §5.6.7):
//
//	Sun, 06 Nov 1994 08:49:37 GMT
//	Sunday, 06-Nov-94 08:49:37 GMT
//	Sun Nov  6 08:49:37 1994
//
// Letters are compared without case, and only GMT is a zone, as RFC 9111 §4.2
// asks of caches. now is needed for years of two digits: one that would be more
// than fifty years ahead is in the past. [net/http.ParseTime] is more generous:
// it takes any zone's abbreviation for GMT.
func ParseDate(s string, now time.Time) (time.Time, bool) {
	day, rest, comma := strings.Cut(s, ",")
	switch {
	case comma && len(day) == 3:
		return parseFixdate(day, rest)
	case comma:
		return parseRFC850(day, rest, now)
	default:
		return parseAsctime(s)
	}
}

func parseFixdate(day, s string) (time.Time, bool) { // " 06 Nov 1994 08:49:37 GMT"
	if len(s) != 25 || weekday(day) < 0 || s[0] != ' ' || s[3] != ' ' || s[7] != ' ' || s[12] != ' ' || !gmt(s[21:]) {
		return time.Time{}, false
	}
	return moment(digits(s[8:12]), month(s[4:7]), digits(s[1:3]), s[13:21])
}

func parseRFC850(day, s string, now time.Time) (time.Time, bool) { // " 06-Nov-94 08:49:37 GMT"
	if len(s) != 23 || !fullWeekday(day) || s[0] != ' ' || s[3] != '-' || s[7] != '-' || s[10] != ' ' || !gmt(s[19:]) {
		return time.Time{}, false
	}
	year := digits(s[8:10])
	if year < 0 {
		return time.Time{}, false
	}
	year += now.UTC().Year() / 100 * 100
	if t, ok := moment(year, month(s[4:7]), digits(s[1:3]), s[11:19]); ok && t.After(now.AddDate(50, 0, 0)) {
		year -= 100
	}
	return moment(year, month(s[4:7]), digits(s[1:3]), s[11:19])
}

func parseAsctime(s string) (time.Time, bool) { // "Sun Nov  6 08:49:37 1994"
	if len(s) != 24 || weekday(s[:3]) < 0 || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' || s[19] != ' ' {
		return time.Time{}, false
	}
	day := digits(s[8:10])
	if s[8] == ' ' {
		day = digits(s[9:10])
	}
	return moment(digits(s[20:]), month(s[4:7]), day, s[11:19])
}

func moment(year, month, day int, clock string) (time.Time, bool) { // clock: "08:49:37"
	h, m, s := digits(clock[0:2]), digits(clock[3:5]), digits(clock[6:8])
	if clock[2] != ':' || clock[5] != ':' || year < 0 || month < 0 || day < 1 || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month+1), day, h, m, s, 0, time.UTC) // a leap second becomes the next minute
	return t, time.Date(year, time.Month(month+1), day, 0, 0, 0, 0, time.UTC).Day() == day
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func gmt(s string) bool { return len(s) == 4 && s[0] == ' ' && strings.EqualFold(s[1:], "GMT") }

func weekday(s string) int { return indexFold("SunMonTueWedThuFriSat", s) }
func month(s string) int   { return indexFold("JanFebMarAprMayJunJulAugSepOctNovDec", s) }

// indexFold is which of the three-letter names s is, or -1.
func indexFold(names, s string) int {
	for i := 0; i < len(names); i += 3 {
		if strings.EqualFold(names[i:i+3], s) {
			return i / 3
		}
	}
	return -1
}

func fullWeekday(s string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String(), s) {
			return true
		}
	}
	return false
}
