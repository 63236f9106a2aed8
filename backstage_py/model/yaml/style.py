"""How values are written: the options of the JS package `yaml` that change plain data's text."""

from dataclasses import dataclass

BLOCKS = frozenset({"BLOCK_FOLDED", "BLOCK_LITERAL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The package's options under its own words, with its defaults.

    Attributes:
        block_quote: texts of several lines as blocks; `folded` or `literal` always as that kind.
        collection_style: `any`, `block` or `flow`.
        default_key_type: a type of text, see `default_string_type`; None for that one.
        default_string_type: `PLAIN`, `QUOTE_DOUBLE`, `QUOTE_SINGLE`, `BLOCK_FOLDED` or `BLOCK_LITERAL`.
        directives: whether the text begins with `---`.
        double_quoted_min_multi_line_length: shorter texts in double quotes stay on one line.
        indent: spaces per level, at least 1.
        line_width: where long texts are broken; 0 for nowhere.
        simple_keys: keys longer than 1024 are an error instead of being written with `?`.
        single_quote: True prefers single quotes, False never uses them, None does where that saves escapes.
    """

    block_quote: bool | str = True
    collection_style: str = "any"
    default_key_type: str | None = None
    default_string_type: str = "PLAIN"
    directives: bool | None = None
    double_quoted_as_json: bool = False
    double_quoted_min_multi_line_length: float = 40
    false_str: str = "false"
    flow_collection_padding: bool = True
    indent: int = 2
    indent_seq: bool = True
    line_width: float = 80
    min_content_width: float = 20
    null_str: str = "null"
    simple_keys: bool = False
    single_quote: bool | None = None
    true_str: str = "true"

    def __post_init__(self) -> None:
        if not (float(self.indent).is_integer() and self.indent > 0):
            raise ValueError("The option indent must be a whole number above 0")

    @property
    def step(self) -> str:
        """What a level is indented with."""
        return " " * min(int(self.indent), 1024)

    @property
    def flow(self) -> bool | None:
        """Whether collections stand in brackets; None lets each decide."""
        return {"flow": True, "block": False}.get(self.collection_style)

    @property
    def padding(self) -> str:
        """What stands inside brackets on one line."""
        return " " if self.flow_collection_padding else ""


DEFAULT = Style()
