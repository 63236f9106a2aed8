{%- macro tag(k, v) -%}${{ k }}: ${{ v }}{%- endmacro %}
Runtime: ${{ values.runtime }}
MemorySize: ${{ values.memory }}
{%- if values.vpc.id %}
Vpc: ${{ values.vpc.id }}
Subnets: ${{ values.vpc.subnets | join(',') }}
{%- endif %}
{%- for t in values.triggers %}
- ${{ loop.index }}: ${{ t.kind }}
{%- endfor %}
{%- if values.stage == 'prod' %}
Approver: ${{ (values.approver | parseEntityRef).name }}
{%- endif %}
${{ tag('mail', values.mail) }}
