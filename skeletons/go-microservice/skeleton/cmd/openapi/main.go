// Command openapi describes the API in the format of openapi.yaml:
//
//	go run ./cmd/openapi > openapi.yaml    write it anew
//	go run ./cmd/openapi -check            fail if openapi.yaml does not describe the code
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/org/${{ values.name }}/internal/api"
	"github.com/org/${{ values.name }}/internal/openapi"
)

const name = "openapi.yaml"

func main() {
	isChecked := flag.Bool("check", false, "compare "+name+" with the code")
	flag.Parse()
	if !*isChecked {
		fmt.Print(api.Document())
		return
	}
	kept, err := os.ReadFile(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !openapi.Same(string(kept), api.Document()) {
		fmt.Fprintf(os.Stderr, "%s does not describe the code any more; write it anew: go run ./cmd/openapi > %s\n", name, name)
		os.Exit(1)
	}
}
