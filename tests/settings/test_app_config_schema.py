"""The published schema of app-config.yaml describes what is read."""

from pathlib import Path

import jsonschema
import pytest

from backstage_py.model import yaml
from backstage_py.settings import schema

_RICH = """
app: {title: T, baseUrl: http://x}
backend:
  baseUrl: http://x
  listen: ":7007"
  cors: {origin: http://x, methods: [GET], credentials: true}
  reading: {allow: [{host: x.example}]}
  database: {client: pg, connection: {host: h, port: 1}}
  auth: {externalAccess: [{type: static, options: {token: 12345678, subject: s}}]}
auth: {providers: {guest: }, issuers: [{issuer: http://y/api/auth}]}
scaffolder: {taskTimeout: 5m, taskRecovery: {enabled: true, staleTimeout: {seconds: 1}}}
catalog:
  processingInterval: false
  rules: [{allow: [Component, {kind: Resource, spec.type: x}], locations: [{type: url}]}]
  locations: [{type: file, target: ./x.yaml}]
sandbox: {root: ./s}
techdocs: {builder: local}
"""


def test_the_schema_is_a_schema_and_accepts_a_rich_configuration() -> None:
    described = schema.app_config()
    jsonschema.Draft7Validator.check_schema(described)
    config = yaml.load(_RICH.replace("12345678", "'12345678'"))
    assert [error.message for error in jsonschema.Draft7Validator(described).iter_errors(config)] == []


@pytest.mark.parametrize("text", ["catalog: {rules: [{}]}", "sandbox: {roots: x}", "backend: {logger: {level: loud}}"])
def test_the_schema_refuses_what_the_service_refuses_or_warns_of(text: str) -> None:
    described = schema.app_config()
    assert not jsonschema.Draft7Validator(described).is_valid(yaml.load(text))


def test_the_kits_configuration_fits_the_schema() -> None:
    text = (Path(__file__).parents[1] / "contract" / "app-config.yaml").read_text(encoding="utf-8")
    assert jsonschema.Draft7Validator(schema.app_config()).is_valid(yaml.load(text))
