package config

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"sync"
)

// typesSource is this package's own source: what a key means is said once, in
// the comment that whoever changes the field sees.
//
//go:embed types.go
var typesSource string

// comments are the words about types and fields: "Listener" and
// "Listener.Address" are keys.
var comments = sync.OnceValue(func() map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", typesSource, parser.ParseComments)
	if err != nil {
		panic("config: types.go was compiled and can't be parsed: " + err.Error())
	}
	found := map[string]string{}
	for _, decl := range file.Decls {
		types, ok := decl.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			typ := spec.(*ast.TypeSpec)
			found[typ.Name.Name] = words(types.Doc)
			if fields, ok := typ.Type.(*ast.StructType); ok {
				addFields(found, typ.Name.Name, fields)
			}
		}
	}
	return found
})

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
