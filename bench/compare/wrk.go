package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// load is what a load generator counted.
type load struct {
	Requests int           // answered, whatever the status
	Bad      int           // of them, those with a status from 400 on
	Broken   int           // connections that failed, reads and writes that did
	Took     time.Duration // from the first request to the last answer
	P50, P99 time.Duration
	CPU      time.Duration // of the generator itself
}

// script is what wrk runs. It asks for a number of paths at random, or always
// for the same, and prints what it counted as JSON. %s: method, path, further
// header fields, body; %d: how many paths.
const script = `
local method, path, more, body, paths = %q, %q, %q, %q, %d
local head, tail, same
function init(args)
  math.randomseed(os.time())
  local host = wrk.host .. ":" .. wrk.port
  head = method .. " " .. path
  tail = " HTTP/1.1\r\nHost: " .. host .. "\r\n" .. more
  if body ~= "" then tail = tail .. "Content-Length: " .. #body .. "\r\n" end
  tail = tail .. "\r\n" .. body
  same = head .. (paths > 0 and "0" or "") .. tail
end
function request()
  if paths < 2 then return same end
  return head .. math.random(0, paths - 1) .. tail
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"Requests":%%d,"Bad":%%d,"Broken":%%d,"Took":%%d,"P50":%%d,"P99":%%d}\n', summary.requests, e.status,
    e.connect + e.read + e.write + e.timeout, summary.duration * 1000, latency:percentile(50) * 1000, latency:percentile(99) * 1000))
end
`

// wrk loads a proxy over HTTP/1.1.
func (r *running) wrk(ctx context.Context, each time.Duration) (load, error) {
	method, more := "GET", ""
	if r.Body > 0 {
		method = "POST"
	}
	if r.Close {
		more = "Connection: close\r\n"
	}
	file := filepath.Join(r.Folder, "load.lua")
	text := fmt.Sprintf(script, method, r.Path, more, r.requestBody(), max(r.Keys, r.Routes))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return load{}, err
	}
	command := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", r.Conns), fmt.Sprintf("-d%ds", int(each.Seconds())), "-s", file, r.url())
	said, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("wrk: %w\n%s", err, said)
	}
	l, err := parseWrk(said)
	l.CPU = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return l, err
}

// parseWrk reads what the script printed last.
func parseWrk(said []byte) (l load, err error) {
	start := bytes.LastIndexByte(said, '{')
	if start < 0 {
		return l, fmt.Errorf("wrk says nothing that was asked:\n%s", said)
	}
	if err := json.Unmarshal(said[start:], &l); err != nil {
		return l, fmt.Errorf("wrk: %w\n%s", err, said)
	}
	return l, nil
}
