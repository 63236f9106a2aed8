// Command gofmt prints the Go files of a folder that are not formatted; the toolchain of PyPI has no gofmt.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
)

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.go"))
	for _, file := range files {
		if err = check(file); err != nil {
			break
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(file string) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	formatted, err := format.Source(source)
	if err == nil && !bytes.Equal(source, formatted) {
		fmt.Println(filepath.Base(file))
	}
	return err
}
