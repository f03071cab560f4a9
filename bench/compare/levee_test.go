package main

import (
	"path/filepath"
	"testing"

	"github.com/levee-proxy/levee/config"
)

// TestLeveesConfiguration: Levee takes its own in every case.
func TestLeveesConfiguration(t *testing.T) {
	for _, v := range allVariants() {
		c := v.benchCase
		s := site{benchCase: &c, Folder: t.TempDir(), Port: 4480, Spare: 4482, Origin: "127.0.0.1:3", GRPC: "127.0.0.1:4", Hole: "127.0.0.1:5"}
		if err := writeCertificate(s.Folder); err != nil {
			t.Fatal(err)
		}
		if err := s.writeFiles("levee.yaml"); err != nil {
			t.Fatal(err)
		}
		parsed, err := config.Load(filepath.Join(s.Folder, "levee.yaml"))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := len(parsed.Routes); got != max(c.Routes, 1) {
			t.Errorf("%s: %d routes", c.Name, got)
		}
	}
}
