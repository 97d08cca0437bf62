"""What an expression asks for: names of series, and the labels it expects them to have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser

# Which Prometheus itself adds to everything it scrapes.
OF_PROMETHEUS = {"job", "instance"}
Asked = tuple[str, frozenset[str]]


def asked(expression: str) -> set[Asked]:
    """Series and labels. Raises `ValueError` for what is no PromQL."""
    # Grafana's own variable stands where a duration does.
    return set(_asked(promql_parser.parse(expression.replace("$__rate_interval", "5m")), frozenset()))


def _asked(node: Any, grouped: frozenset[str]) -> Iterator[Asked]:
    match node:
        case promql_parser.VectorSelector():
            matched = {matcher.name for matcher in node.matchers.matchers}
            yield str(node.name), frozenset(matched | grouped) - OF_PROMETHEUS
        case promql_parser.MatrixSelector():
            yield from _asked(node.vector_selector, grouped)
        case promql_parser.AggregateExpr():
            yield from _asked(node.expr, grouped | frozenset(node.modifier.labels if node.modifier else ()))
        case promql_parser.BinaryExpr():
            yield from _asked(node.lhs, grouped)
            yield from _asked(node.rhs, grouped)
        case promql_parser.Call():
            for argument in node.args:
                yield from _asked(argument, grouped)
        case promql_parser.ParenExpr() | promql_parser.SubqueryExpr() | promql_parser.UnaryExpr():
            yield from _asked(node.expr, grouped)
