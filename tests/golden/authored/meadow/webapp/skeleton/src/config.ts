export const config = {
  title: '${{ values.title }}',
  budget: ${{ values.budget }},
  domains: ${{ values.domains | dump }},
  {%- if 'auth' in values.features %}
  auth: true,
  {%- elif 'pwa' in values.features %}
  auth: 'later',
  {%- endif %}
  {%- set first = values.domains | first %}
  home: '${{ first.host }}',
};
