"""What a platform does for its teams, measured: events become metrics, per team and month, each with how many it is of.

- ``deliveries``: what webhooks of hosts tell, as events; pure.
- ``measures``: events and catalog become metrics; pure, on frozen values.
- ``tasks`` and ``incidents``: events read out of what is stored anyway, tasks and annotations of entities; pure.
- ``collector``: gathers those in the background, and forgets what is old.
- ``service`` and ``authorized``: the report for a question, and for a caller.

It promises that an event counts once, whoever tells it and in whatever order, that what is not known is shown as such
instead of left out, and that every number says of how many it is. Definitions stand in ``docs/platform-metrics.md``.
Who records an event calls ``storage.reporting``; HTTP, pages and terminals do not belong here.
"""
