"""What a configuration may not have, found before the binary sees it; each refusal names file and line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from backstage_py.errors import InputError, NotAllowedError
from backstage_py.integrations.origins import matches
from backstage_py.integrations.terraform import tokens
from backstage_py.integrations.terraform.rules import Rules
from backstage_py.integrations.terraform.tokens import Token

_CODE = (".tf", ".tofu")
_OTHER_CODE = (".tf.json", ".tofu.json")
_READS = re.compile(r"file(?:base64|exists|set|md5|sha1|sha256|sha512|base64sha256|base64sha512)?|templatefile")
_HERE = re.compile(r"(?:\$\{path\.(?:module|root)\}/)?(?!/)[\w./ -]*")
_LOCAL = ("./", "../")
_MOST_FILES = 2_000
_MOST_BYTES = 16 * 2**20


def files(folder: Path) -> dict[str, bytes]:
    """Return a folder's files by path, without states and what the binary keeps for itself.

    Raises:
        InputError: there is too much. NotAllowedError: it has a link.
    """
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise NotAllowedError(f"'{name}' is a link, which a configuration of a template may not have")
        if not path.is_file() or ".terraform" in path.parts or path.name.startswith("terraform.tfstate"):
            continue
        found[name] = path.read_bytes()
        if len(found) > _MOST_FILES or sum(map(len, found.values())) > _MOST_BYTES:
            raise InputError(f"The configuration has more than {_MOST_FILES} files or {_MOST_BYTES // 2**20} MiB")
    return found


def refuse(tree: Mapping[str, bytes], rules: Rules) -> None:
    """Return when a configuration has only what the rules hold.

    Raises:
        NotAllowedError: it has more. InputError: it cannot be read.
    """
    for name, content in tree.items():
        if name.endswith(_OTHER_CODE):
            raise NotAllowedError(f"'{name}': configurations of templates are written in HCL, not in JSON")
        if name.endswith(_CODE):
            _Scan(tree, rules, name).configuration(tokens.of(content.decode("utf-8", "replace"), name))


class _Scan:
    def __init__(self, tree: Mapping[str, bytes], rules: Rules, name: str) -> None:
        self._tree = tree
        self._rules = rules
        self._name = name

    def configuration(self, found: Sequence[Token]) -> None:
        """Look at the blocks and calls of a file."""
        self._calls(found)
        blocks: list[str] = []
        sources: dict[int, str] = {}
        line: list[Token] = []
        for index, one in enumerate(found):
            if one.text == "{" and one.kind == "mark":
                header = line if line and all(part.kind in ("name", "text") for part in line) else []
                blocks.append(header[0].text if header and header[0].kind == "name" else "")
                self._block(header, blocks)
                line = []
            elif one.text == "}" and one.kind == "mark":
                if blocks and blocks.pop() == "module" and not blocks and len(blocks) not in sources:
                    raise self._no(one, "this module needs a 'source' that is a plain text")
                sources.pop(len(blocks), None)
                line = []
            elif one.kind == "end":
                line = []
            else:
                if blocks == ["module"] and [part.text for part in line] == ["source", "="]:
                    self._source(one, found[index + 1])
                    sources[0] = one.text
                line.append(one)

    def _no(self, where: Token, why: str) -> NotAllowedError:
        return NotAllowedError(f"{self._name}:{where.line}: {why}")

    def _block(self, header: Sequence[Token], blocks: Sequence[str]) -> None:
        if not header:
            return
        names = [one.text for one in header]
        if names[0] == "provisioner":
            raise self._no(header[0], "a template's configuration may have no provisioner, which runs programs")
        if names[0] in ("backend", "cloud") and blocks[:-1] == ["terraform"]:
            raise self._no(header[0], "the operator says where states are kept, not the template")
        if names[:2] == ["data", "terraform_remote_state"]:
            raise self._no(header[0], "a template's configuration may not read other states")

    def _source(self, source: Token, behind: Token) -> None:
        if source.kind != "text" or "${" in source.text or behind.kind not in ("end", "mark") or behind.text == "${":
            raise self._no(source, "this module needs a 'source' that is a plain text")
        if not source.text.startswith(_LOCAL):
            if not matches(self._rules.modules, source.text):
                raise self._no(source, f"the operator's 'terraform.allow.modules' does not hold '{source.text}'")
            return
        self._inside(source, source.text)

    def _inside(self, where: Token, path: str) -> str:
        parts: list[str] = [*self._name.split("/")[:-1]]
        for one in path.split("/"):
            if one == "..":
                if not parts:
                    raise self._no(where, f"'{path}' leads out of the configuration's folder")
                parts.pop()
            elif one not in ("", "."):
                parts.append(one)
        return "/".join(parts)

    def _calls(self, found: Sequence[Token]) -> None:
        code = [one for one in found if one.kind != "end"]
        for index, one in enumerate(code[:-1]):
            if one.kind != "name" or not _READS.fullmatch(one.text) or code[index + 1].text != "(":
                continue
            path = code[index + 2] if index + 2 < len(code) else one
            if path.kind != "text" or not _HERE.fullmatch(path.text) or ".." in path.text:
                raise self._no(one, f"{one.text}() takes a plain path below the configuration's folder")
            after = [part.text for part in code[index + 3 : index + 10]]
            while after[:1] == ["${"]:
                after = after[after.index("}") + 1 :] if "}" in after else []
            if after[:1] not in ([")"], [","]):
                raise self._no(one, f"{one.text}() takes a plain path below the configuration's folder")
            if one.text == "templatefile":
                self._template(one, path.text)

    def _template(self, where: Token, path: str) -> None:
        """Look at the calls in a template's file: it is rendered with the same functions."""
        plain = re.sub(r"^\$\{path\.\w+\}/", "", path)
        for name in {self._inside(where, plain), plain.removeprefix("./")} & set(self._tree):
            content = self._tree[name].decode("utf-8", "replace")
            _Scan({}, self._rules, name)._calls(tokens.of_template(content, name))  # noqa: SLF001  # of its own kind
