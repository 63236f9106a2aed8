package main

{% macro shout(text) %}${{ text | upper }}{% endmacro %}
// ${{ shout(values.serviceName) }} is of tier ${{ values.tier }}
{% for mail in values.emails %}// ${{ loop.index }}: ${{ mail | trim }}
{% endfor %}
{% if values.tier == 1 %}
const critical = true
{% elif values.tier == 2 %}
const critical = false
{% endif %}
const size = ${{ values.sizeGb }}
