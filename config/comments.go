package config

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"sync"
)

// typesSource is this package's own source: what a key means is said once, in
// the comment that whoever changes the field sees.
//
//go:embed types*.go
var typesSource embed.FS

// comments are the words about types and fields: "Listener" and
// "Listener.Address" are keys.
var comments = sync.OnceValue(func() map[string]string {
	found := map[string]string{}
	files, _ := typesSource.ReadDir(".")
	for _, f := range files {
		text, _ := typesSource.ReadFile(f.Name())
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), text, parser.ParseComments)
		if err != nil {
			panic("config: " + f.Name() + " was compiled and can't be parsed: " + err.Error())
		}
		for _, decl := range parsed.Decls {
			if types, ok := decl.(*ast.GenDecl); ok && types.Tok == token.TYPE {
				addTypes(found, types)
			}
		}
	}
	return found
})

func addTypes(found map[string]string, types *ast.GenDecl) {
	for _, spec := range types.Specs {
		typ := spec.(*ast.TypeSpec)
		found[typ.Name.Name] = words(types.Doc)
		if fields, ok := typ.Type.(*ast.StructType); ok {
			addFields(found, typ.Name.Name, fields)
		}
	}
}

func addFields(found map[string]string, typ string, fields *ast.StructType) {
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			found[typ+"."+name.Name] = words(f.Doc)
		}
	}
}

// words returns a comment's text on lines as long as its paragraphs.
func words(doc *ast.CommentGroup) string {
	paragraphs := strings.Split(strings.TrimSpace(doc.Text()), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}
