"""How many pods of each version a canary of Argo Rollouts has without a router of traffic: pure counts."""

import math
from typing import Any


def wanted(weight: int, replicas: int, surge: int) -> tuple[int, int]:
    """Return the pods of the canary and of the stable version whose share comes nearest to a weight in percent."""
    if weight <= 0 or weight >= 100:
        return (replicas, 0) if weight > 0 else (0, replicas)

    def parts(total: int) -> tuple[int, int]:
        canary = min(max(round(total * weight / 100), 1), max(total - 1, 1))
        return canary, total - canary

    def distance(pair: tuple[int, int]) -> float:
        return abs(pair[0] / sum(pair) - weight / 100)

    return min((parts(replicas + more) for more in range(min(surge, 1) + 1)), key=distance)


def scaled(goal: tuple[int, int], now: tuple[int, int], ready: tuple[int, int], bounds: tuple[int, int]) -> Any:
    """Return the next pods of both on the way to a goal, between fewest that are available and most that there are."""
    fewest, most = bounds
    canary, stable = now
    if canary > goal[0]:
        spare = max(sum(ready) - fewest, 0) + (canary - ready[0])
        canary = max(goal[0], canary - spare)
    if stable > goal[1]:
        spare = max(ready[1] + min(ready[0], canary) - fewest, 0) + (stable - ready[1])
        stable = max(goal[1], stable - spare)
    if canary < goal[0]:
        canary = min(goal[0], max(canary, most - stable))
    if stable < goal[1]:
        stable = min(goal[1], max(stable, most - canary))
    return canary, stable


def absolute(value: Any, replicas: int, *, up: bool) -> int:
    """Return a number of pods, which may be a share such as ``25%``."""
    if not str(value).endswith("%"):
        return int(value)
    share = replicas * int(str(value)[:-1]) / 100
    return math.ceil(share) if up else math.floor(share)
