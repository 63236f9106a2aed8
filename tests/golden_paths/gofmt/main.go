// Command gofmt prints the Go files below a folder that are not formatted; the toolchain of PyPI has no gofmt.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
)

func main() {
	err := filepath.WalkDir(os.Args[1], func(file string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".go" {
			return err
		}
		return check(file)
	})
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
		fmt.Println(file)
	}
	return err
}
