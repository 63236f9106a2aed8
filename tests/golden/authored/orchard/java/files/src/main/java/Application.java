package ${{ values.package | lower }};

public class Application {
  static final int PORT = ${{ values.port }};
  static final String[] TOPICS = {
{%- for topic in values.topics %}
    "${{ topic }}"{% if not loop.last %},{% endif %}
{%- endfor %}
  };
}
