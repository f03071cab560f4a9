package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// compare measures all cases.
func compare(ctx context.Context, o options, stderr io.Writer) (*report, error) {
	folder, err := os.MkdirTemp("", "levee-compare-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, err
	}
	memory, err := memoryFolder(folder)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(memory)
	if err := o.makePrograms(ctx, folder); err != nil {
		return nil, err
	}
	behind, err := startOrigin(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer behind.Stop(stopPatience)
	rpcAddress, rpcPID, stopGRPC, err := startGRPC()
	if err != nil {
		return nil, err
	}
	defer stopGRPC()
	behind.pids = append(behind.pids, rpcPID)
	hole, closeHole, err := openHole()
	if err != nil {
		return nil, err
	}
	defer closeHole()

	for _, absent := range o.absent {
		fmt.Fprintln(stderr, absent)
	}
	fmt.Fprintf(stderr, "%d cases, %d proxies, %d runs of %v each: about %v\n", len(o.cases), len(o.peers), o.runs, o.each, o.takes().Round(10*time.Second))
	all := &report{}
	for i := range o.cases {
		c := &o.cases[i]
		s := site{benchCase: c, Folder: folder, Memory: memory, Origin: behind.address, GRPC: rpcAddress, Hole: hole}
		result, err := rounds(ctx, s, o, behind, stderr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		all.Cases = append(all.Cases, result)
	}
	return all, nil
}

// makePrograms makes those that aren't found as they are. Without Levee there is
// nothing to measure; without another it is measured without.
func (o *options) makePrograms(ctx context.Context, folder string) (err error) {
	var made []peer
	for _, p := range o.peers {
		switch {
		case p.program == levee:
			if p.path, err = filepath.Abs(o.levee); o.levee == "" {
				p.path, err = build(ctx, folder)
				o.levee = p.path
			}
			if err != nil {
				return err
			}
		case p.make != nil:
			if p.path, err = p.make(ctx, p.path, folder); err != nil {
				o.absent = append(o.absent, fmt.Sprintf("without %s: %v", p.name, err))
				continue
			}
		}
		made = append(made, p)
	}
	o.peers = made
	return nil
}

// memoryFolder makes a folder that takes no disk, where the system has a place for such.
func memoryFolder(otherwise string) (string, error) {
	folder, err := os.MkdirTemp("/dev/shm", "levee-compare-")
	if err != nil {
		folder = filepath.Join(otherwise, "memory")
		err = os.Mkdir(folder, 0o755)
	}
	return folder, errors.Join(err, os.Chmod(folder, 0o755))
}

// takes estimates how long all of it takes.
func (o *options) takes() (sum time.Duration) {
	for i := range o.cases {
		n := 0
		for j := range o.peers {
			if _, ok := o.peers[j].takesPart(&o.cases[i].variants()[0].benchCase); ok {
				n++
			}
		}
		sum += o.cases[i].takes(n, o.runs, o.each)
	}
	return sum
}

// rounds runs one case: all proxies are started and warmed up, and then
// measured in turns, each round beginning with another one. One that fails is
// left out from there on; that doesn't spoil the others' figures.
func rounds(ctx context.Context, s site, o options, behind *origin, stderr io.Writer) (caseResult, error) {
	runs, each := s.rounds(o.runs, o.each)
	result := caseResult{Name: s.Name, Title: s.Title, Seconds: each.Seconds(), Measured: time.Now().UTC().Truncate(time.Second), Note: o.comment}
	fmt.Fprintf(stderr, "%s: %s\n", s.Name, s.Title)
	var all []*running
	var at []int // of each that runs, its place in the result
	defer func() {
		for _, r := range all {
			r.close()
		}
	}()
	fail := func(p *peerResult, err error) {
		p.Failed = err.Error()
		fmt.Fprintf(stderr, "  %s: %v\n", p.label(), err)
	}
	variants := s.variants()
	for _, p := range o.peers {
		if !p.expected(s.benchCase) {
			continue
		}
		for _, v := range variants {
			one := peerResult{Name: p.name, Version: p.version, Variant: v.label, Floor: p.floor}
			s.benchCase = &v.benchCase
			why, ok := p.takesPart(&v.benchCase)
			if !ok {
				one.Absent, one.Variant = why, ""
				result.Peers = append(result.Peers, one)
				break
			}
			r, err := startPeer(ctx, p, s)
			if err == nil {
				all, at = append(all, r), append(at, len(result.Peers))
				err = r.warmUp(ctx)
			}
			if ctx.Err() != nil {
				return result, ctx.Err()
			}
			if err != nil {
				fail(&one, err)
			}
			result.Peers = append(result.Peers, one)
		}
	}
	for round := range runs {
		for _, n := range inTurn(all, round) {
			p := &result.Peers[at[n]]
			if p.Failed != "" {
				continue
			}
			f, err := all[n].turn(ctx, behind, each, round)
			if err != nil { // a busy machine can spoil a run; twice in a row it is the proxy
				f, err = all[n].turn(ctx, behind, each, round)
			}
			if ctx.Err() != nil {
				return result, ctx.Err()
			}
			if err != nil {
				fail(p, err)
				continue
			}
			p.Samples = append(p.Samples, f)
			fmt.Fprintf(stderr, "  %-8s %s\n", p.label(), f)
		}
	}
	return result, nil
}

// turn is a proxy's in a round.
func (r *running) turn(ctx context.Context, behind *origin, each time.Duration, round int) (sample, error) {
	if err := r.afresh(ctx, round); err != nil {
		return sample{}, err
	}
	return r.measure(ctx, behind, each)
}

// afresh starts a proxy anew where what counts is by how much it grows: one that
// has grown before has the room already.
func (r *running) afresh(ctx context.Context, round int) error {
	if !r.Idle || round == 0 {
		return nil
	}
	r.close()
	again, err := startPeer(ctx, r.peer, r.of)
	if err == nil {
		*r = *again
	}
	return err
}

// warmUp brings a proxy to where it would be after a while. What it answers
// meanwhile doesn't count yet: connections are opened, all at once.
func (r *running) warmUp(ctx context.Context) error {
	if r.Role == cached {
		if err := r.fill(ctx); err != nil {
			return err
		}
	}
	if r.Idle {
		return nil
	}
	_, err := r.load(ctx, warmUp)
	return err
}
