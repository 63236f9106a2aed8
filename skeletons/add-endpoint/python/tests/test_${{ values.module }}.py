from fastapi.testclient import TestClient

PATH = "${{ values.example }}"


def test_${{ values.module }}_answers(client: TestClient) -> None:
    {%- if values.hasBody %}
    answer = client.${{ values.method | lower }}(PATH, json={"message": "hello"})
    {%- else %}
    answer = client.${{ values.method | lower }}(PATH)
    {%- endif %}
    assert answer.status_code == 200
    assert answer.json() == {
        {%- for one in values.names %}
        "${{ one.name }}": "a-${{ one.name }}",
        {%- endfor %}
        {%- if values.hasBody %}
        "message": "hello",
        {%- else %}
        "message": "${{ values.summary }}",
        {%- endif %}
    }
