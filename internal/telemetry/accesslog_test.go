package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var sample = Record{
	Time:             time.Date(2026, 2, 26, 5, 0, 0, 123456000, time.UTC),
	Duration:         12345 * time.Microsecond,
	UpstreamDuration: 12 * time.Millisecond,
	Method:           "GET",
	Host:             "api.example.com",
	Path:             "/v1/features/42",
	Proto:            "HTTP/2.0",
	Route:            "features",
	Upstream:         "features",
	Endpoint:         "10.0.0.7:8080",
	Client:           "192.0.2.7",
	UserAgent:        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
	RequestID:        "0d9a7c62-6a1b-4d3a-9d4e-0f6f3d1f2a11",
	Status:           200,
	BytesIn:          0,
	BytesOut:         512,
}

// buffer is a writer whose content may be looked at at any time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestAccessLogLine(t *testing.T) {
	aborted := sample
	aborted.Upstream, aborted.Endpoint, aborted.UpstreamDuration = "", "", 0
	aborted.Status, aborted.Reason, aborted.Shed, aborted.Aborted = 503, "connection_limit_reached", "queue_full", true
	for _, tt := range []struct {
		name   string
		format Format
		record Record
		want   string
	}{
		{"json", FormatJSON, sample, `{"time":"2026-02-26T05:00:00.123456Z","status":200,"method":"GET","host":"api.example.com","path":"/v1/features/42","proto":"HTTP/2.0","durationSeconds":0.012345,"upstreamSeconds":0.012000,"bytesIn":0,"bytesOut":512,"route":"features","upstream":"features","endpoint":"10.0.0.7:8080","client":"192.0.2.7","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","requestID":"0d9a7c62-6a1b-4d3a-9d4e-0f6f3d1f2a11"}` + "\n"},
		{"text", FormatText, sample, `time=2026-02-26T05:00:00.123456Z status=200 method=GET host=api.example.com path=/v1/features/42 proto=HTTP/2.0 durationSeconds=0.012345 upstreamSeconds=0.012000 bytesIn=0 bytesOut=512 route=features upstream=features endpoint=10.0.0.7:8080 client=192.0.2.7 userAgent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" requestID=0d9a7c62-6a1b-4d3a-9d4e-0f6f3d1f2a11` + "\n"},
		{"own answer", FormatText, aborted, `time=2026-02-26T05:00:00.123456Z status=503 method=GET host=api.example.com path=/v1/features/42 proto=HTTP/2.0 durationSeconds=0.012345 bytesIn=0 bytesOut=512 route=features client=192.0.2.7 userAgent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" requestID=0d9a7c62-6a1b-4d3a-9d4e-0f6f3d1f2a11 reason=connection_limit_reached shed=queue_full aborted=true` + "\n"},
		{"empty", FormatText, Record{}, "time=0001-01-01T00:00:00.000000Z status=0 durationSeconds=0.000000 bytesIn=0 bytesOut=0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out buffer
			l := NewAccessLog(&out, tt.format, ModeAll)
			l.Log(&tt.record)
			if err := l.Close(time.Minute); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAccessLogModes(t *testing.T) {
	records := map[string]*Record{
		"ok":       {Status: 200},
		"own":      {Status: 404, Reason: "destination_not_found"},
		"upstream": {Status: 503},
		"cut":      {Status: 200, Aborted: true},
		"client":   {Status: 404},
	}
	for _, tt := range []struct {
		mode Mode
		want string
	}{
		{ModeAll, "ok own upstream cut client"},
		{ModeErrors, "own upstream cut"},
		{ModeNone, ""},
	} {
		for name, r := range records {
			want := strings.Contains(" "+tt.want+" ", " "+name+" ")
			if got := tt.mode.wants(r); got != want {
				t.Errorf("mode %s wants %s: %v, want %v", tt.mode, name, got, want)
			}
		}
		if got, err := ParseMode(tt.mode.String()); err != nil || got != tt.mode {
			t.Errorf("ParseMode(%q) = %v, %v", tt.mode, got, err)
		}
	}
	if _, err := ParseMode("some"); !errors.Is(err, ErrUnknownMode) {
		t.Errorf("ParseMode(some): %v, want ErrUnknownMode", err)
	}
}

// The mode changes while requests run, and counts from the next one.
func TestAccessLogSwitchesLive(t *testing.T) {
	var out buffer
	l := NewAccessLog(&out, FormatText, ModeNone)
	l.Log(&sample)
	l.SetMode(ModeAll)
	l.Log(&sample)
	l.SetMode(ModeNone)
	l.Log(&sample)
	if err := l.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 1 || l.Stats().Written != 1 {
		t.Errorf("%d lines, Stats %+v; want 1", got, l.Stats())
	}
}

func TestAccessLogCapsStrings(t *testing.T) {
	long := strings.Repeat("x", 32<<10)
	var out buffer
	l := NewAccessLog(&out, FormatJSON, ModeAll)
	l.Log(&Record{Method: long, Host: long, Path: long, Proto: long, Route: long, Upstream: long, Endpoint: long, Client: long, UserAgent: long, RequestID: long, Reason: long, Shed: long})
	if err := l.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	for key, limit := range map[string]int{"method": 32, "host": 256, "path": 1024, "proto": 16, "route": 128, "upstream": 128, "endpoint": 256, "client": 64, "userAgent": 256, "requestID": 128, "reason": 64, "shed": 32} {
		s, _ := got[key].(string)
		if len(s) != limit || !strings.HasSuffix(s, "x…") {
			t.Errorf("%s: %d bytes, ends in %q; want %d and a mark", key, len(s), s[max(len(s)-4, 0):], limit)
		}
	}
}

// hung is a writer that never returns until it is let go.
type hung struct {
	entered chan struct{}
	release chan struct{}
}

func newHung() *hung { return &hung{make(chan struct{}, 1), make(chan struct{})} }

func (h *hung) Write(p []byte) (int, error) {
	select {
	case h.entered <- struct{}{}:
	default:
	}
	<-h.release
	return len(p), nil
}

// With a writer that never returns, requests go on at no cost in memory: every
// record over the ring's size is dropped and counted, nothing is allocated.
func TestAccessLogWithHungWriter(t *testing.T) {
	h := newHung()
	l := NewAccessLog(h, FormatJSON, ModeAll)
	l.Log(&sample)
	<-h.entered

	for range 2 * accessRing { // fill it
		l.Log(&sample)
	}
	before := l.Stats()
	if before.Queued != accessRing || before.Written != 0 || before.DroppingSince.IsZero() {
		t.Errorf("Stats = %+v; want a full ring that drops", before)
	}
	if n := testing.AllocsPerRun(1000, func() { l.Log(&sample) }); n != 0 {
		t.Errorf("a dropped record allocates %v times, want 0", n)
	}
	if after := l.Stats(); after.Dropped-before.Dropped != 1001 || after.Queued != accessRing {
		t.Errorf("after 1001 more: %d dropped, %d queued", after.Dropped-before.Dropped, after.Queued)
	}

	close(h.release)
	if err := l.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Written+st.Dropped != 1+2*accessRing+1001 {
		t.Errorf("%d written and %d dropped don't add up to %d", st.Written, st.Dropped, 1+2*accessRing+1001)
	}
}

// The same with the real thing: a pipe whose other end is open and never read,
// as a container's stdout behind a log collector that hangs.
func TestAccessLogIntoAPipeNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	l := NewAccessLog(w, FormatJSON, ModeAll)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for l.Stats().Dropped < 10000 {
				l.Log(&sample)
			}
		})
	}
	wg.Wait() // every request was served, and drops are counted

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 100000 {
		l.Log(&sample)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes while 100,000 records were dropped", grown)
	}

	if err := l.Close(time.Millisecond); !errors.Is(err, ErrNotFlushed) {
		t.Errorf("Close: %v, want ErrNotFlushed", err)
	}
}

// A writer 1,000 times slower than usual delays no request, and what it takes
// arrives whole and in order.
func TestAccessLogWithSlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		slow := writerFunc(func(p []byte) (int, error) {
			time.Sleep(20 * time.Millisecond) // of virtual time
			return out.Write(p)
		})
		l := NewAccessLog(slow, FormatText, ModeAll)
		start := time.Now()
		for range 3 * accessRing {
			l.Log(&sample)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("requests waited %v", d)
		}
		if err := l.Close(time.Hour); err != nil {
			t.Fatal(err)
		}
		st := l.Stats()
		if st.Written < accessRing || st.Written+st.Dropped != 3*accessRing || st.Errors != 0 {
			t.Errorf("Stats = %+v", st)
		}
		if lines := strings.Count(out.String(), "status=200"); uint64(lines) != st.Written {
			t.Errorf("%d lines, %d counted", lines, st.Written)
		}
	})
}

// Close returns within its bound though the writer hangs for ever, and a
// second time as well.
func TestAccessLogCloseWithHungWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		l := NewAccessLog(h, FormatText, ModeAll)
		l.Log(&sample)
		<-h.entered
		l.Log(&sample)

		for range 2 {
			start := time.Now()
			if err := l.Close(2 * time.Second); !errors.Is(err, ErrNotFlushed) {
				t.Errorf("Close: %v, want ErrNotFlushed", err)
			}
			if d := time.Since(start); d != 2*time.Second {
				t.Errorf("Close took %v, want 2s", d)
			}
		}
		l.Log(&sample)
		if st := l.Stats(); st.Dropped != 2 || st.Queued != 0 {
			t.Errorf("Stats = %+v; want the queued and the late record dropped", st)
		}

		close(h.release) // what was given up is not written later
		synctest.Wait()
		if st := l.Stats(); st.Written != 1 {
			t.Errorf("%d lines written after Close gave up, want the one under way", st.Written)
		}
	})
}

// A nil log is a library without telemetry.
func TestNilAccessLog(t *testing.T) {
	var l *AccessLog
	l.Log(&sample)
	l.SetMode(ModeAll)
	if l.Mode() != ModeNone || l.Close(0) != nil || l.Stats().Written != 0 {
		t.Error("a nil AccessLog does something")
	}
}

// In steady state a record costs no allocation, the writer's work included.
func TestAccessLogAllocatesNothing(t *testing.T) {
	l := NewAccessLog(io.Discard, FormatJSON, ModeAll)
	defer l.Close(time.Minute)
	for range accessRing {
		l.Log(&sample)
	}
	if n := testing.AllocsPerRun(accessRing, func() { l.Log(&sample) }); n != 0 {
		t.Errorf("a record allocates %v times, want 0", n)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func BenchmarkAccessLog(b *testing.B) {
	l := NewAccessLog(io.Discard, FormatJSON, ModeAll)
	defer l.Close(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		l.Log(&sample)
	}
	b.ReportMetric(float64(l.Stats().Dropped)/float64(b.N), "dropped/op")
}

func BenchmarkAccessLogHung(b *testing.B) {
	h := newHung()
	l := NewAccessLog(h, FormatJSON, ModeAll)
	defer l.Close(time.Minute)
	defer close(h.release)
	b.ReportAllocs()
	for b.Loop() {
		l.Log(&sample)
	}
}

func BenchmarkRecordPack(b *testing.B) {
	newText := prepareText(1, accessText)
	p := &packed{text: newText()}
	b.ReportAllocs()
	for b.Loop() {
		p.pack(&sample)
	}
}

func BenchmarkRecordLine(b *testing.B) {
	p := new(packed)
	p.pack(&sample)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = p.appendLine(dst[:0], FormatJSON)
	}
}
