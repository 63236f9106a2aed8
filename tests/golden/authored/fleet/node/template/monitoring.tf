{% if values.monitoring == "datadog" %}
provider "datadog" { api_url = "https://api.${{ values.site }}" }
{% elif values.monitoring == "newrelic" %}
provider "newrelic" {}
{% else %}
{% set note = values.name ~ " is not monitored" %}
# ${{ note }}
{% endif %}
