"""What filters, form fields, keys with ``ui:`` and rules are, in Markdown with a link to more."""

from backstage_py.lint import filter_docs, vocabulary
from backstage_py.lint.rules import RULES

_BACKSTAGE = "https://backstage.io/docs/features/software-templates"
_LANGUAGE = "https://mozilla.github.io/nunjucks/templating.html#builtin-filters"
_FORM = "https://rjsf-team.github.io/react-jsonschema-form/docs/api-reference/uiSchema"

FIELDS = {
    "EntityNamePicker": "A name that an entity of the catalog can have.",
    "EntityPicker": "An entity of the catalog; the value is its reference.",
    "EntityTagsPicker": "Tags that entities of the catalog have.",
    "MultiEntityPicker": "Several entities of the catalog; the value is a list of references.",
    "MyGroupsPicker": "One of the groups that whoever fills in the form is a member of.",
    "OwnedEntityPicker": "An entity of the catalog that is owned by whoever fills in the form, or by their groups.",
    "OwnerPicker": "A group or a user of the catalog; the value is its reference.",
    "RepoBranchPicker": "A branch of the repository that the form's RepoUrlPicker names.",
    "RepoOwnerPicker": "An owner of repositories at a host.",
    "RepoUrlPicker": "A repository; the value is `HOST?owner=…&repo=…`, which `parseRepoUrl` takes apart.",
    "Secret": "A text that is not stored or shown; expressions find it below `secrets`.",
}
UI_KEYS = {
    "ui:field": "The field that asks for the value: one of Backstage's, or one of your own.",
    "ui:widget": "How the value is asked for: `textarea`, `radio`, `password`, `hidden` …",
    "ui:options": "Options of the field or widget, by name.",
    "ui:order": "In which order the properties are shown; `*` is all others.",
    "ui:autofocus": "Whether the cursor stands in the field at first.",
    "ui:help": "A text below the field.",
    "ui:placeholder": "A text that is shown while the field is empty.",
    "ui:disabled": "Whether the field is shown and cannot be changed.",
    "ui:readonly": "Whether the value can be seen and copied, but not changed.",
    "ui:description": "The description that is shown instead of the schema's.",
    "ui:title": "The title that is shown instead of the schema's.",
    "ui:emptyValue": "The value that an emptied field has.",
    "ui:enumNames": "What is shown for the values of `enum`, in their order.",
    "ui:enumDisabled": "Values of `enum` that are shown and cannot be chosen.",
    "ui:autocomplete": "What browsers may fill in, as in HTML.",
    "ui:inputType": "The type of the input, as in HTML.",
    "ui:backstage": "What Backstage does with the value, such as `review: {show: false}`.",
    "ui:rows": "How many lines a `textarea` has.",
}


def filter_text(name: str) -> str | None:
    """Return what a filter of the language or of Backstage does, with an example and its result."""
    from backstage_py.templating import engine

    if name in filter_docs.DOCS:
        example = f"```\n{filter_docs.shown_example(name)}\n```"
        return f"filter `{name}`\n\n{filter_docs.DOCS[name][0]}\n\n{example}\n\n[Filters]({_LANGUAGE})"
    if described := engine.DESCRIPTIONS.get(name):
        body = described.as_json()
        link = f"{_BACKSTAGE}/templating-extensions#{name.lower()}"
        return f"filter `{name}` of Backstage\n\n{body.get('description') or ''}\n\n[{name}]({link})"
    return None


def field_text(name: str) -> str | None:
    """Return what a form field of Backstage asks for, and which options it has."""
    if name not in FIELDS:
        return None
    options = ", ".join(f"`{one}`" for one in sorted(vocabulary.FIELD_OPTIONS.get(name, ())))
    more = f"\n\nOptions: {options}" if options else ""
    return f"field `{name}`\n\n{FIELDS[name]}{more}\n\n[{name}]({_BACKSTAGE}/ui-options-examples#{name.lower()})"


def ui_key_text(key: str) -> str | None:
    """Return what a key with ``ui:`` is for."""
    if key not in UI_KEYS:
        return f"`{key}`\n\n[Keys of the form]({_FORM})" if key in vocabulary.UI_KEYS else None
    return f"`{key}`\n\n{UI_KEYS[key]}\n\n[Keys of the form]({_FORM})"


def rule_text(code: str) -> str | None:
    """Return what a rule is about, by its code."""
    found = next((one for one in RULES if one.code == code), None)
    if found is None:
        return None
    head = f"**{found.code}** {found.name} ({found.severity})"
    return f"{head}\n\n{found.summary}\n\n{found.why}\n\n[{code}]({found.page})"
