"""The rules, one module per family; the first digit of a code is the family.

=====  ============================================================
BPY0   files that cannot be read, YAML
BPY1   entities and the shape of a template
BPY2   actions and their input
BPY3   what expressions refer to
BPY4   expressions themselves
BPY5   the form
BPY6   skeletons
BPY7   secrets and outputs
BPY8   what stock Backstage does not run
BPY9   tests, mocks and the configuration of this program
=====  ============================================================

A rule is a function that takes its subject and yields findings; it knows nothing of files, lines or formats.
"""

from backstage_py.lint.rule import Rule, rules_of
from backstage_py.lint.rules import (
    actions,
    annotations,
    answers,
    author_files,
    choices,
    clusters,
    comparisons,
    entities,
    expressions,
    fields,
    foreign,
    forgotten,
    forms,
    gates,
    limits,
    members,
    methods,
    named_entities,
    options,
    outputs,
    pages,
    passed_on,
    portability,
    printed,
    references,
    relations,
    rendered,
    repo_urls,
    schemas,
    skeletons,
    steps,
    texts,
    ui_keys,
    values,
    verbatim,
    workspace,
)

RULES: tuple[Rule, ...] = rules_of(
    (
        texts,
        author_files,
        entities,
        steps,
        actions,
        references,
        expressions,
        forms,
        choices,
        fields,
        options,
        limits,
        answers,
        gates,
        ui_keys,
        pages,
        schemas,
        skeletons,
        verbatim,
        foreign,
        methods,
        values,
        comparisons,
        forgotten,
        members,
        repo_urls,
        workspace,
        clusters,
        passed_on,
        printed,
        named_entities,
        relations,
        annotations,
        rendered,
        outputs,
        portability,
    )
)
"""Every rule, by code."""
