"""What the server counts, as Prometheus reads it. Routes are named by their pattern: no ids."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: Counter[tuple[str, str, int]] = Counter()
        self._below: Counter[tuple[str, float]] = Counter()
        self._seconds: dict[str, float] = {}
        self._routes: Counter[str] = Counter()

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; a method that nobody declares is counted as other."""
        method = method if method in METHODS else "other"
        with self._lock:
            self._count[method, route, status] += 1
            self._routes[route] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds
            for bound in BOUNDS:
                if seconds <= bound:
                    self._below[route, bound] += 1

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return all of it in the text format; gauges: name -> (help, value)."""
        lines = [
            "# HELP sameplayer_requests_total Requests.",
            "# TYPE sameplayer_requests_total counter",
        ]
        with self._lock:
            for (method, route, status), count in sorted(self._count.items()):
                named = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"sameplayer_requests_total{{{named}}} {count}")
            lines += [
                "# HELP sameplayer_request_seconds Time that requests took.",
                "# TYPE sameplayer_request_seconds histogram",
            ]
            for route, count in sorted(self._routes.items()):
                name = f'sameplayer_request_seconds_bucket{{route="{route}",le='
                lines += [f'{name}"{bound}"}} {self._below[route, bound]}' for bound in BOUNDS]
                lines.append(f'{name}"+Inf"}} {count}')
                total = self._seconds[route]
                lines.append(f'sameplayer_request_seconds_sum{{route="{route}"}} {total:.6f}')
                lines.append(f'sameplayer_request_seconds_count{{route="{route}"}} {count}')
        for name, (words, value) in gauges.items():
            lines += [
                f"# HELP sameplayer_{name} {words}",
                f"# TYPE sameplayer_{name} gauge",
                f"sameplayer_{name} {value:g}",
            ]
        return "\n".join(lines) + "\n"
