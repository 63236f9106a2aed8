// Command gotools does with the standard library what the test needs of two programs that Python cannot bring:
// `gofmt DIR` prints the Go files that are not formatted, `chart DIR` renders a Helm chart's templates.
//
// Helm's engine is text/template with more functions; those that the chart uses are below. A function that is missing
// here is an error, so a chart that starts to use another one is noticed.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

func main() {
	var err error
	switch command, folder := os.Args[1], os.Args[2]; command {
	case "gofmt":
		err = unformatted(folder)
	case "chart":
		err = render(folder)
	default:
		err = fmt.Errorf("unknown command %q", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func unformatted(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		formatted, err := format.Source(source)
		if err != nil {
			return err
		}
		if !bytes.Equal(source, formatted) {
			fmt.Println(filepath.Base(file))
		}
	}
	return nil
}

// render reads {"Values": …, "Release": …, "Chart": …} and prints {file: text}.
func render(folder string) error {
	var data map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&data); err != nil {
		return err
	}
	all := template.New("chart").Option("missingkey=error")
	all.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var out strings.Builder
			err := all.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
		"toYaml": func(value any) (string, error) { // JSON is YAML
			text, err := json.Marshal(value)
			return string(text), err
		},
		"nindent": func(width int, text string) string {
			pad := "\n" + strings.Repeat(" ", width)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
		"default": func(fallback, value any) any {
			if value == nil || value == "" {
				return fallback
			}
			return value
		},
		"quote":      func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"trunc":      func(width int, text string) string { return text[:min(width, len(text))] },
		"trimSuffix": func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
	})
	if _, err := all.ParseGlob(filepath.Join(folder, "templates", "*")); err != nil {
		return err
	}
	rendered := map[string]string{}
	for _, t := range all.Templates() {
		if !strings.HasSuffix(t.Name(), ".yaml") {
			continue
		}
		var out strings.Builder
		if err := t.Execute(&out, data); err != nil {
			return err
		}
		rendered[t.Name()] = out.String()
	}
	return json.NewEncoder(os.Stdout).Encode(rendered)
}
