package api

import (
	"net/http"
	"testing"
)

func ${{ values.test }}(t *testing.T) {
	{%- if values.hasBody %}
	status, answer := ask(t, http.Method${{ values.verb }}, "${{ values.example }}", `{"message": "hello"}`)
	if status != http.StatusOK || answer["message"] != "hello" {
	{%- else %}
	status, answer := ask(t, http.Method${{ values.verb }}, "${{ values.example }}", "")
	if status != http.StatusOK || answer["message"] != "${{ values.summary }}" {
	{%- endif %}
		t.Errorf("%d %v", status, answer)
	}
	{%- for one in values.names %}
	if answer["${{ one.name }}"] != "a-${{ one.name }}" {
		t.Errorf("${{ one.name }} of the path is lost: %v", answer)
	}
	{%- endfor %}
}
