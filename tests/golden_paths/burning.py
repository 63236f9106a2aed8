"""Cases for promtool: a service whose requests fail, are slow, or stop, and the alerts that are to fire."""

from dataclasses import dataclass
from typing import Any, Final

from tests.golden_paths.produced import NAME, TEAM

NAMESPACE: Final = f"{TEAM}-production"
_TARGET = f'namespace="{NAMESPACE}",job="{NAME}"'
_REQUESTS = 20_000  # between two samples, so that the smallest share below is a whole number


@dataclass(frozen=True)
class Burn:
    """For ``minutes``, a share of requests fails and a share is slow; then ``quiet`` minutes of good ones."""

    name: str
    minutes: int
    fires: tuple[tuple[str, str], ...]  # (alert, severity)
    failing: float = 0
    slow: float = 0
    quiet: int = 0
    interval: int = 1

    def case(self, rules: list[dict[str, Any]], bound: str) -> dict[str, Any]:
        """As promtool reads it: each alert that there is fires or does not."""
        at = self.minutes + self.quiet
        return {
            "name": self.name,
            "interval": f"{self.interval}m",
            "input_series": self._series(bound),
            "alert_rule_test": [
                {
                    "eval_time": f"{at}m",
                    "alertname": alert,
                    "exp_alerts": [
                        {"exp_labels": _labels(rule), "exp_annotations": rule["annotations"] | {"summary": summary}}
                        for rule in rules
                        if rule["alert"] == alert and (alert, rule["labels"]["severity"]) in self.fires
                        for summary in [self._summary(rule)]
                    ],
                }
                for alert in sorted({rule["alert"] for rule in rules})
            ],
        }

    def _summary(self, rule: dict[str, Any]) -> str:
        share = {"ErrorBudgetBurn": self.failing, "LatencyBudgetBurn": self.slow}.get(rule["alert"], 0)
        seen = share * self.minutes / (self.minutes + self.quiet)
        return str(rule["annotations"]["summary"]).replace("{{ $value | humanizePercentage }}", f"{seen * 100:.4g}%")

    def _series(self, bound: str) -> list[dict[str, str]]:
        def counted(name: str, labels: str, share: float, good: float) -> dict[str, str]:
            bad, after = round(share * _REQUESTS), round(good * _REQUESTS)
            first, rest = self.minutes // self.interval, self.quiet // self.interval
            values = f"0+{bad}x{first}" + (f" {bad * first + after}+{after}x{rest - 1}" if rest else "")
            return {"series": f"{name}{{{_TARGET},{labels}}}", "values": values}

        route = 'route="/",method="GET"'
        fast = f'{route},code="200",le="{bound}"'
        return [
            counted("http_requests_total", f'{route},code="200"', 1 - self.failing, 1),
            counted("http_requests_total", f'{route},code="500"', self.failing, 0),
            counted("http_request_duration_seconds_bucket", fast, 1 - self.slow, 1),
            counted("http_request_duration_seconds_count", f'{route},code="200"', 1, 1),
            {"series": f"up{{{_TARGET}}}", "values": f"1x{(self.minutes + self.quiet) // self.interval}"},
        ]


def _labels(rule: dict[str, Any]) -> dict[str, str]:
    return {**rule["labels"], "namespace": NAMESPACE, "job": NAME}


_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_ERRORS = "ErrorBudgetBurn"
_LATENCY = "LatencyBudgetBurn"

# An objective of 99.9 % leaves a share of 0.001: 14.4 times that for an hour is a page, once for three days a ticket.
QUICK: Final = (
    Burn("all is well", 2 * _HOUR, ()),
    Burn("a tenth of the requests fails", 2 * _HOUR, ((_ERRORS, "page"), (_ERRORS, "ticket")), failing=0.1),
    Burn("and then no longer", 2 * _HOUR, ((_ERRORS, "ticket"),), failing=0.1, quiet=35),
    Burn("a bit more than a page bears", 2 * _HOUR, ((_ERRORS, "page"), (_ERRORS, "ticket")), failing=0.0145),
    Burn("a fifth is slow", 2 * _HOUR, ((_LATENCY, "page"), (_LATENCY, "ticket")), slow=0.2),
    Burn("slow within the objective", 2 * _HOUR, (), slow=0.009),
)
SLOW: Final = (
    Burn("six hours of a slow burn", 7 * _HOUR, ((_ERRORS, "page"), (_ERRORS, "ticket")), failing=0.0065, interval=5),
    Burn("a bit less, for a day", 25 * _HOUR, ((_ERRORS, "ticket"),), failing=0.0055, interval=5),
    Burn(
        "a bit more than the objective, for three days", 3 * _DAY, ((_ERRORS, "ticket"),), failing=0.00105, interval=5
    ),
    Burn("a bit less than the objective, for three days", 3 * _DAY, (), failing=0.00095, interval=5),
)
