"""Shell completion of arguments; commands and options are completed by Typer."""


def actions(typed: str) -> list[tuple[str, str]]:
    """Return ids of the bundled actions with the first line of their description."""
    from backstage_py.lint.actions import bundled_catalogue

    known = bundled_catalogue().actions.values()
    return sorted((one.id, one.description.split("\n", 1)[0]) for one in known if one.id.startswith(typed))


def filters(typed: str) -> list[str]:
    """Return names of filters."""
    from backstage_py.lint import vocabulary

    return sorted(one for one in vocabulary.FILTERS | vocabulary.BACKSTAGE_FILTERS if one.startswith(typed))


def kinds(typed: str) -> list[str]:
    """Return the kinds that ``new`` can create."""
    from backstage_py.cli.commands.new import KINDS

    return [one for one in KINDS if one.startswith(typed)]


def schemas(typed: str) -> list[str]:
    """Return the names of schemas that ``schema`` writes."""
    from backstage_py.cli.commands.schema import KINDS

    return [one for one in KINDS if one.startswith(typed)]


def rules(typed: str) -> list[tuple[str, str]]:
    """Return codes of the rules with their summaries."""
    from backstage_py.lint.rules import RULES

    return [(one.code, one.summary) for one in RULES if one.code.startswith(typed)]
