// Package api is the service's API. An endpoint more is a file more, and no file changes for it: see home.go.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/org/${{ values.name }}/internal/build"
	"github.com/org/${{ values.name }}/internal/openapi"
)

// maxBody is how many bytes of a request's body are read.
const maxBody = 1 << 20

// Failure is an error that the caller may read. All other errors are answered with 500 and are only logged.
type Failure struct {
	Status int
	Detail string
}

func (f Failure) Error() string {
	return f.Detail
}

// endpoint is one operation: how it is asked for, what openapi.yaml says of it, and what answers.
type endpoint struct {
	openapi.Operation
	handle http.HandlerFunc
}

var endpoints []endpoint

// answers adds an endpoint that reads no body: what it answers with is described in openapi.yaml as its type says.
func answers[Answer any](operation openapi.Operation, handle func(*http.Request) (Answer, error)) {
	if operation.Status != http.StatusNoContent {
		operation.Answer = reflect.TypeFor[Answer]()
	}
	endpoints = append(endpoints, endpoint{operation, func(w http.ResponseWriter, r *http.Request) {
		answer, err := handle(r)
		reply(r.Context(), w, operation.Status, answer, err)
	}})
}

// takes adds an endpoint that reads a JSON body. Unknown members, and a body that is too long, are refused.
func takes[Body, Answer any](operation openapi.Operation, handle func(*http.Request, Body) (Answer, error)) {
	operation.Body = reflect.TypeFor[Body]()
	answers(operation, func(r *http.Request) (Answer, error) {
		var body Body
		decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil {
			var none Answer
			return none, Failure{http.StatusBadRequest, "the body does not fit: " + err.Error()}
		}
		if decoder.More() {
			var none Answer
			return none, Failure{http.StatusBadRequest, "the body does not fit: more than one value"}
		}
		return handle(r, body)
	})
}

// Handler returns all endpoints.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for _, one := range endpoints {
		mux.HandleFunc(one.Method+" "+one.Pattern(), one.handle)
	}
	return mux
}

// Document describes all endpoints in OpenAPI.
func Document() string {
	operations := make([]openapi.Operation, 0, len(endpoints))
	for _, one := range endpoints {
		operations = append(operations, one.Operation)
	}
	return openapi.Document(build.Service, "A service of the team "+build.Team, operations)
}

func reply(ctx context.Context, w http.ResponseWriter, status int, answer any, err error) {
	if err != nil {
		failure := Failure{http.StatusInternalServerError, "Internal Server Error"}
		if !errors.As(err, &failure) {
			slog.ErrorContext(ctx, "request failed", "error", err)
		}
		status, answer = failure.Status, map[string]string{"detail": failure.Detail}
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		slog.WarnContext(ctx, "answer not written", "error", err)
	}
}
