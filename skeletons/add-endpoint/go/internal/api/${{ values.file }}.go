package api

import (
	"net/http"

	"${{ values.import }}/internal/openapi"
)

// ${{ values.type }} is what ${{ values.method }} ${{ values.path }} answers with.
type ${{ values.type }} struct {
	{%- for one in values.names %}
	// ${{ one.member }} is the ${{ one.name }} of the path.
	${{ one.member }} string `json:"${{ one.name }}"`
	{%- endfor %}
	// Message is for people.
	Message string `json:"message"`
}
{%- if values.hasBody %}

// ${{ values.type }}Body is what ${{ values.method }} ${{ values.path }} is sent.
type ${{ values.type }}Body struct {
	// Message is for people.
	Message string `json:"message"`
}
{%- endif %}

func init() {
	{%- if values.hasBody %}
	takes(openapi.Operation{
	{%- else %}
	answers(openapi.Operation{
	{%- endif %}
		ID:      "${{ values.id }}",
		Method:  http.Method${{ values.verb }},
		Path:    "${{ values.path }}",
		Summary: "${{ values.summary }}",
		Status:  http.StatusOK,
	}, ${{ values.id }})
}

{% if values.hasBody -%}
func ${{ values.id }}({% if values.names | length %}r{% else %}_{% endif %} *http.Request, body ${{ values.type }}Body) (${{ values.type }}, error) {
{%- else -%}
func ${{ values.id }}({% if values.names | length %}r{% else %}_{% endif %} *http.Request) (${{ values.type }}, error) {
{%- endif %}
	{%- if values.hasBody %}
	answer := ${{ values.type }}{Message: body.Message}
	{%- else %}
	answer := ${{ values.type }}{Message: "${{ values.summary }}"}
	{%- endif %}
	{%- for one in values.names %}
	answer.${{ one.member }} = r.PathValue("${{ one.name }}")
	{%- endfor %}
	return answer, nil
}
