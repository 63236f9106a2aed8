"""${{ values.summary }}."""

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class ${{ values.type }}(BaseModel):
    {%- for one in values.names %}
    ${{ one.name }}: str
    {%- endfor %}
    message: str
{%- if values.hasBody %}


class ${{ values.type }}Body(BaseModel):
    message: str
{%- endif %}


@router.${{ values.method | lower }}(
    "${{ values.path }}",
    operation_id="${{ values.id }}",
    summary="${{ values.summary }}",
    responses={"default": {"description": "Failed"}},
)
{%- if values.names | length or values.hasBody %}
async def answer(
    {%- for one in values.names %}
    ${{ one.name }}: str,
    {%- endfor %}
    {%- if values.hasBody %}
    body: ${{ values.type }}Body,
    {%- endif %}
) -> ${{ values.type }}:
{%- else %}
async def answer() -> ${{ values.type }}:
{%- endif %}
    return ${{ values.type }}(
        {%- for one in values.names %}
        ${{ one.name }}=${{ one.name }},
        {%- endfor %}
        {%- if values.hasBody %}
        message=body.message,
        {%- else %}
        message="${{ values.summary }}",
        {%- endif %}
    )
