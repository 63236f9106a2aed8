"""Events and catalog become metrics: pure functions on frozen values.

``stories`` puts together what happened to each service, ``deployments`` judges what was deployed, ``durations`` has the
percentiles, and ``slices`` measures a team in a month. The definitions are those of ``docs/platform-metrics.md``.
"""
