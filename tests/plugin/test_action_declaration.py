import sys
import typing
from dataclasses import dataclass, field
from typing import NotRequired

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from backstage_py.errors import ConflictError, InputError, NotFoundError
from backstage_py.plugin import Action, ActionContext, ActionExample, ActionRegistry, JsonObject, action
from backstage_py.plugin.registry import actions_of
from backstage_py.plugin.schema import dump


@dataclass(frozen=True)
class Input:
    target_path: str
    size: int = 1
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Output:
    remote_url: str
    note: str | None = None


@action("acme:make", Input, output=Output, examples=(ActionExample("Make one", "steps: []"),))
async def make(ctx: ActionContext[Input]) -> Output:
    """Make a thing."""
    return Output(remote_url=ctx.input.target_path)


def test_an_action_is_described_as_backstage_lists_it() -> None:
    described = make.describe()
    assert described["id"] == "acme:make"
    assert described["description"] == "Make a thing."
    assert described["examples"] == [{"description": "Make one", "example": "steps: []"}]
    schema = described["schema"]["input"]
    assert schema["required"] == ["targetPath"]
    assert set(schema["properties"]) == {"targetPath", "size", "labels"}
    assert "title" not in schema["properties"]["targetPath"]
    assert described["schema"]["output"]["required"] == ["remoteUrl"]


def test_checked_input_arrives_in_the_declared_type() -> None:
    assert make.parse_input({"targetPath": "x", "size": 3}) == Input("x", 3)


@pytest.mark.parametrize("value", [{}, {"targetPath": "x", "size": "many"}, {"targetPath": "x", "colour": "red"}])
def test_input_that_the_type_refuses_names_the_field(value: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"targetPath|size|colour"):
        make.parse_input(value)


@dataclass(frozen=True)
class Port:
    container_port: int


@dataclass(frozen=True)
class Nested:
    exposed_ports: list[Port]
    main_port: Port | None = None


def test_nested_types_have_json_names_too() -> None:
    @action("acme:nested", Nested)
    async def nested(ctx: ActionContext[Nested]) -> None: ...

    assert nested.parse_input({"exposedPorts": [{"containerPort": 80}]}) == Nested([Port(80)])
    assert "containerPort" in str(nested.input_schema)


def test_a_pydantic_model_and_a_raw_schema_are_fine_too() -> None:
    class Model(BaseModel):
        name: str

    @action("acme:model", Model)
    async def of_model(ctx: ActionContext[Model]) -> None: ...

    schema = {"type": "object", "properties": {"n": {"type": "number"}}}

    @action("acme:schema", schema)
    def of_schema(ctx: ActionContext[dict[str, object]]) -> None: ...

    assert of_model.parse_input({"name": "x"}) == Model(name="x")
    assert of_schema.input_schema == schema
    assert of_schema.parse_input({"n": 1}) == {"n": 1}
    assert of_model.is_async
    assert not of_schema.is_async


def test_anything_else_as_input_is_refused_where_it_is_declared() -> None:
    with pytest.raises(TypeError, match="expected a dataclass"):
        action("acme:bad", "nonsense")(lambda ctx: None)  # type: ignore[call-overload]  # that is the mistake


def test_returned_values_become_json() -> None:
    assert dump(Output("u")) == {"remoteUrl": "u"}
    assert dump({"a": (Output("u", "n"), 1)}) == {"a": [{"remoteUrl": "u", "note": "n"}, 1]}


def test_a_duplicate_id_names_both_sources() -> None:
    registry = ActionRegistry()
    registry.add(make)
    registry.add(make)
    other = Action(id="acme:make", handler=make.handler, source="other_package:7")
    with pytest.raises(ConflictError, match=r"acme:make.*test_action_declaration:\d+ and other_package:7"):
        registry.add(other)


def test_an_unknown_action_is_not_found_in_backstages_words() -> None:
    with pytest.raises(NotFoundError, match=r"^Template action with ID 'nope' is not registered\."):
        ActionRegistry().get("nope")


def test_an_entry_point_may_name_a_module_a_list_or_one_action() -> None:
    import types

    module = types.ModuleType("acme")
    module.make = make  # type: ignore[attr-defined]  # what an author's module looks like
    assert list(actions_of(module)) == [make]
    assert list(actions_of([make, "noise"])) == [make]
    assert list(actions_of(make)) == [make]
    assert list(actions_of("noise")) == []


class Told(TypedDict):
    """Names of a TypedDict are JSON names as they are."""

    text: str
    full_name: NotRequired[str]


def test_a_typed_dict_declares_outputs_by_their_json_names() -> None:
    @action("acme:told", output=Told)
    def told(ctx: ActionContext[JsonObject]) -> Told:
        return {"text": str(ctx.input["name"])}

    assert told.output_schema["required"] == ["text"]
    assert set(told.output_schema["properties"]) == {"text", "full_name"}


def test_a_typed_dict_that_pydantic_cannot_read_is_named_with_the_cure() -> None:
    standard = typing.TypedDict("standard", {"text": str})  # noqa: UP013  # the one of typing, whichever Told is
    if sys.version_info >= (3, 12):
        assert action("acme:std", output=standard)(lambda ctx: None).output_schema["required"] == ["text"]
    else:
        with pytest.raises(TypeError, match=r"output of 'acme:std'.*from typing_extensions import TypedDict"):
            action("acme:std", output=standard)(lambda ctx: None)


@dataclass(frozen=True)
class Listener:
    """A port.

    Attributes:
        port_number: where it listens,
            above 1024.
    """

    port_number: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class Program:
    """What runs.

    Attributes:
        ports: those that it opens.
    """

    ports: list[Listener]
    main: Listener | None = None


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


def test_descriptions_and_inner_classes_stand_where_a_field_is() -> None:
    schema = action("acme:program", Program)(lambda ctx: None).input_schema

    port = schema["properties"]["ports"]["items"]["properties"]["portNumber"]
    assert schema["properties"]["ports"]["description"] == "those that it opens."
    assert port == {"type": "integer", "description": "where it listens, above 1024."}
    assert schema["properties"]["main"]["anyOf"][0]["properties"]["protocol"] == {"type": "string", "default": "tcp"}
    assert "$defs" not in schema
    assert "$ref" not in str(schema)


def test_a_class_that_contains_itself_keeps_its_reference() -> None:
    schema = action("acme:tree", Tree)(lambda ctx: None).input_schema

    assert "#/$defs/Tree" in str(schema)
    assert schema["$defs"]["Tree"]["properties"]["name"] == {"type": "string"}
