"""``backstage-py doctor``: whether a service and a Backstage fit together, as seen from this machine.

Each check asks one question over HTTP, as a browser or the other backend would, and changes nothing. Its answer is a
``Line``: ok, a problem with what to do, or skipped with what is missing to try it. Which checks there are follows from
the way of use that the configuration says (docs/operators/ways.md).
"""
