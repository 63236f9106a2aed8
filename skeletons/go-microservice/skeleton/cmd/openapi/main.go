// Command openapi describes the API in the format of openapi.yaml:
//
//	go run ./cmd/openapi > openapi.yaml           write it anew
//	go run ./cmd/openapi -check openapi.yaml      fail if it does not describe the code
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/org/${{ values.name }}/internal/api"
)

func main() {
	name := flag.String("check", "", "the file that has to describe the code")
	flag.Parse()
	if *name == "" {
		fmt.Print(api.Document())
		return
	}
	kept, err := os.ReadFile(*name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if string(kept) != api.Document() {
		fmt.Fprintf(os.Stderr, "%s does not describe the code any more; write it anew: go run ./cmd/openapi > %s\n", *name, *name)
		os.Exit(1)
	}
}
