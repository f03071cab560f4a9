package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string

	page = template.Must(template.New("page").Funcs(template.FuncMap{
		"css":     func() template.CSS { return template.CSS(pageCSS) },
		"facts":   facts,
		"since":   since,
		"latency": latency,
		"limits":  limits,
		"stamp":   stamp,
		"storms":  storms,
		"retries": retries,
		"tone":    tone,
		"well":    well,
	}).Parse(pageHTML))

	// contentSecurityPolicy allows a page its own style, and nothing else: no
	// script, no frame, no form, nothing from elsewhere.
	contentSecurityPolicy = func() string {
		sum := sha256.Sum256([]byte(pageCSS))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}()
)

// writePage answers with one of the templates in page.html.
func writePage(w http.ResponseWriter, name string, s *Status) {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, name, s); err != nil {
		say(w, http.StatusInternalServerError, "The page can't be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}
