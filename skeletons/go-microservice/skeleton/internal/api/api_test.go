package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/org/${{ values.name }}/internal/build"
	"github.com/org/${{ values.name }}/internal/openapi"
)

// ask sends a request to the API and returns the status and the members of the answer.
func ask(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	var answer map[string]any
	if recorder.Header().Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v", recorder.Body, err)
		}
	}
	return recorder.Code, answer
}

// with has these endpoints during a test, and no others.
func with(t *testing.T, add func()) {
	t.Helper()
	before := endpoints
	t.Cleanup(func() { endpoints = before })
	endpoints = nil
	add()
}

func TestHomeNamesTheService(t *testing.T) {
	status, answer := ask(t, http.MethodGet, "/", "")
	if status != http.StatusOK || answer["service"] != build.Service || answer["team"] != build.Team {
		t.Errorf("%d %v", status, answer)
	}
}

func TestTheDocumentDescribesTheCode(t *testing.T) {
	kept, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !openapi.Same(string(kept), Document()) {
		t.Error("openapi.yaml does not describe the code any more; write it anew: go run ./cmd/openapi > openapi.yaml")
	}
}

func TestBodiesAndErrors(t *testing.T) {
	type order struct {
		Item string `json:"item"`
	}
	with(t, func() {
		takes(openapi.Operation{Method: http.MethodPut, Path: "/orders/{id}", Status: http.StatusCreated},
			func(r *http.Request, body order) (order, error) {
				switch r.PathValue("id") {
				case "missing":
					return order{}, Failure{http.StatusNotFound, "no such order"}
				case "broken":
					return order{}, errors.New("secret of the database")
				}
				return body, nil
			})
		answers(openapi.Operation{Method: http.MethodDelete, Path: "/orders/{id}", Status: http.StatusNoContent},
			func(*http.Request) (any, error) { return nil, nil })
	})
	if status, answer := ask(t, http.MethodDelete, "/orders/1", ""); status != http.StatusNoContent || answer != nil {
		t.Errorf("%d %v", status, answer)
	}
	for name, test := range map[string]struct {
		id, body string
		status   int
		answer   string
	}{
		"taken":          {"1", `{"item": "tea"}`, http.StatusCreated, `{"item":"tea"}`},
		"no JSON":        {"1", `{`, http.StatusBadRequest, "the body does not fit"},
		"unknown member": {"1", `{"itm": "tea"}`, http.StatusBadRequest, "itm"},
		"too long":       {"1", `{"item": "` + strings.Repeat("a", maxBody) + `"}`, http.StatusBadRequest, "too large"},
		"two values":     {"1", `{} {}`, http.StatusBadRequest, "more than one value"},
		"told":           {"missing", `{}`, http.StatusNotFound, `{"detail":"no such order"}`},
		"not told":       {"broken", `{}`, http.StatusInternalServerError, `{"detail":"Internal Server Error"}`},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := ask(t, http.MethodPut, "/orders/"+test.id, test.body)
			text, err := json.Marshal(answer)
			if err != nil || status != test.status || !strings.Contains(string(text), test.answer) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}
