package signals

import (
	"net/http"
	"strings"
	"testing"
)

func TestIdempotencyKey(t *testing.T) {
	long := strings.Repeat("k", 255)
	for _, c := range []struct {
		in   []string
		want string
		err  error
	}{
		{nil, "", nil},
		{[]string{"8e03978e-40d5-43dd"}, "8e03978e-40d5-43dd", nil},
		{[]string{`"8e03978e-40d5-43dd"`}, "8e03978e-40d5-43dd", nil},
		{[]string{` "a b" `}, "a b", nil},
		{[]string{`"a\"b\\c"`}, `a"b\c`, nil},
		{[]string{long}, long, nil},
		{[]string{`"` + long + `"`}, long, nil},
		{[]string{`"` + strings.Repeat(`\"`, 255) + `"`}, strings.Repeat(`"`, 255), nil},
		{[]string{long + "k"}, "", errKeyLength},
		{[]string{`"` + long + `k"`}, "", errKeyLength},
		{[]string{strings.Repeat("k", 10_000)}, "", errKeyLength},
		{[]string{""}, "", errKeyLength},
		{[]string{`""`}, "", errKeyLength},
		{[]string{"a", "a"}, "", errKeyTwice},
		{[]string{"a, b"}, "", errKeyForm},
		{[]string{"a,b"}, "", errKeyForm},
		{[]string{`a"b`}, "", errKeyForm},
		{[]string{`"a`}, "", errKeyForm},
		{[]string{`"a\`}, "", errKeyForm},
		{[]string{`"a\b"`}, "", errKeyForm},
		{[]string{`"a" ;p=1`}, "", errKeyForm},
		{[]string{`"a", "b"`}, "", errKeyForm},
		{[]string{"käse"}, "", errKeyForm},
		{[]string{"\"k\u00e4se\""}, "", errKeyForm},
		{[]string{"a\x00b"}, "", errKeyForm},
	} {
		if got, err := IdempotencyKey(http.Header{IdempotencyKeyHeader: c.in}); got != c.want || err != c.err {
			t.Errorf("%q: %q %v, want %q %v", c.in, got, err, c.want, c.err)
		}
	}
}

// FuzzIdempotencyKey: a key that is taken is bounded, printable, and the same
// one when it is written as a structured field's string.
func FuzzIdempotencyKey(f *testing.F) {
	f.Add("8e03978e-40d5-43dd")
	f.Add(`"a\"b\\c"`)
	f.Add(`"a"b"`)
	f.Add("a,b")
	f.Fuzz(func(t *testing.T, v string) {
		key, err := IdempotencyKey(http.Header{IdempotencyKeyHeader: {v}})
		if err != nil {
			return
		}
		if key == "" || len(key) > maxKey || strings.Trim(key, "\x00\r\n\t") != key {
			t.Fatalf("%q is taken for the key %q", v, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := IdempotencyKey(http.Header{IdempotencyKeyHeader: {quoted}}); err != nil || again != key {
			t.Fatalf("%q, quoted as %q, is %q, %v", key, quoted, again, err)
		}
	})
}
