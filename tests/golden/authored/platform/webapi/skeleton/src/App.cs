namespace ${{ values.namespace }};
{% set greeting = values.name | replace("-", " ") %}
public class App { public string Hello => "${{ greeting }}"; public int Port = ${{ values.port }}; }
