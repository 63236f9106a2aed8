// Package build says what this program is.
package build

const (
	Service = "${{ values.name }}"
	Team    = "${{ values.team }}"
)

// Version is set by the build: -ldflags "-X github.com/org/${{ values.name }}/internal/build.Version=…".
var Version = "dev"
