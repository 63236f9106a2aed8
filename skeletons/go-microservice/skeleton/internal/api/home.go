package api

import (
	"net/http"

	"github.com/org/${{ values.name }}/internal/build"
	"github.com/org/${{ values.name }}/internal/openapi"
)

// Home says what runs here.
type Home struct {
	Service string `json:"service"`
	Team    string `json:"team"`
	Version string `json:"version"`
}

func init() {
	answers(openapi.Operation{
		ID: "getHome", Method: http.MethodGet, Path: "/", Summary: "What runs here", Status: http.StatusOK,
	}, func(*http.Request) (Home, error) {
		return Home{build.Service, build.Team, build.Version}, nil
	})
}
