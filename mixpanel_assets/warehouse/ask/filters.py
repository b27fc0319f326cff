"""Mixpanel's expressions as SQL over the rows of a table of events.

The semantics are those of https://docs.mixpanel.com/reference/segmentation-expressions: types are
strict, and a value that does not fit is undefined. docs/reference/expressions.md lists all rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from mixpanel_assets.expressions import Expression
from mixpanel_assets.expressions.tree import (
    COMPARISONS,
    TIME,
    Literal,
    Node,
    Operation,
    Property,
    written,
)
from mixpanel_assets.notes import note
from mixpanel_assets.warehouse.ask import operators
from mixpanel_assets.warehouse.ask.kinds import EventColumns, Forms
from mixpanel_assets.warehouse.records import LAST_MS
from mixpanel_assets.warehouse.sql import literal

LONGEST_SQL = 5_000_000  # characters; nested casts multiply it at every level

EVENT_TIME = Forms({"datetime": "event_time"})

_UNEQUAL = "values of different types are never equal"


def condition(expression: Expression, columns: EventColumns) -> str:
    """SQL that is true for the rows that the expression selects, else false or null.

    UsageError if it is not a condition. Notes on properties that no event has, and on comparisons
    that hold for none.
    """
    return _compiler(expression, columns).condition(expression.tree)


def segment_text(expression: Expression, columns: EventColumns, undefined: str) -> str:
    """SQL of the expression's value as text, as Mixpanel names a segment; never null."""
    forms = _compiler(expression, columns).forms(expression.tree).by_kind
    plain = operators.FUNCTIONS["string"](Forms(forms)).by_kind.values()
    nested = [
        f"to_json({sql})::varchar" if kind == "texts" else f"{sql}::varchar"
        for kind, sql in forms.items()
        if kind in ("texts", "list", "object", "datetime")
    ]
    return f"coalesce({', '.join((*plain, *nested, literal(undefined)))})"


def held(expression: Expression, columns: EventColumns) -> str:
    """SQL of the expression's value as text that differs for values that are not equal."""
    forms = _compiler(expression, columns).forms(expression.tree).by_kind
    values = [f"'{kind}:' || {sql}::varchar" for kind, sql in forms.items()]
    return f"coalesce({', '.join((*values, 'null::varchar'))})"


def numeric(expression: Expression, columns: EventColumns) -> str:
    """SQL of the expression's value as a finite double; null if it is no number."""
    sql = _compiler(expression, columns).forms(expression.tree).by_kind.get("number")
    if sql is None:
        return "null::double"
    return f"(case when isfinite({sql}::double) then {sql}::double end)"


def _compiler(expression: Expression, columns: EventColumns) -> _Compiler:
    properties = columns.forms(expression.properties())
    return _Compiler(expression, {**properties, TIME: EVENT_TIME}, columns.zone)


@dataclass(frozen=True)
class _Compiler:
    expression: Expression
    properties: Mapping[str, Forms]
    zone: tzinfo

    def condition(self, node: Node) -> str:
        """SQL that is true if the node is; null stands for false."""
        if isinstance(node, Operation):
            if node.operator in ("and", "or"):
                return f"({f' {node.operator} '.join(map(self.condition, node.operands))})"
            if node.operator == "not":
                return f"({self.condition(node.operands[0])} is not true)"
            if node.operator in ("==", "!="):
                return self._equality(node)
            if (items := _items(node)) is not None:
                return self._one_of(node, items)
        forms = self.forms(node)
        if {*forms.by_kind} - {"boolean"}:
            raise self.expression.mistake(
                node,
                f"a condition is true or false; this is {forms}",
                f'compare it, as in {written(node)} != "", or write boolean({written(node)})',
            )
        return forms.by_kind.get("boolean", "false")

    def forms(self, node: Node) -> Forms:
        """The node's value."""
        if isinstance(node, Literal):
            return operators.constant(node.value)
        if isinstance(node, Property):
            return self.properties[node.name]
        forms = self._result(node)
        if sum(map(len, forms.by_kind.values())) > LONGEST_SQL:
            raise self.expression.mistake(node, "too complex", "nest fewer casts and functions")
        return forms

    def _result(self, node: Operation) -> Forms:
        operator = node.operator
        if operator in ("and", "or", "not"):
            return operators.truth(f"({self.condition(node)} is true)", total=True)
        if operator in ("==", "!=") or _items(node) is not None:
            return operators.truth(f"coalesce({self.condition(node)}, false)", total=True)
        if operator == "datetime":
            return self._moment(node.operands[0])
        operands = [self.forms(one) for one in node.operands]
        if operator in COMPARISONS:
            return self._comparison(node, *operands)
        if len(operands) == 2:
            return operators.computed(operator, *operands)
        return operators.FUNCTIONS[operator](operands[0])

    def _equality(self, node: Operation) -> str:
        left, right = map(self.forms, node.operands)
        if not operators.shared(left, right):
            self._note(node, left, right, _UNEQUAL)
        test = operators.equal if node.operator == "==" else operators.different
        return test(left, right)

    def _one_of(self, node: Operation, items: Sequence[Node]) -> str:
        left, every = self.forms(node.operands[0]), [self.forms(item) for item in items]
        if not any(operators.shared(left, one) for one in every):
            for one in every[:1]:
                self._note(node, left, one, _UNEQUAL)
        return operators.one_of(left, every)

    def _comparison(self, node: Operation, left: Forms, right: Forms) -> Forms:
        if node.operator == "in":
            tests = operators.within(left, right)
            why = "in looks for a text in a text, or for a value in a list"
        else:
            tests = operators.ordered(node.operator, left, right)
            why = f"{node.operator} compares numbers, or datetimes"
        if not tests:
            self._note(node, left, right, why)
            return Forms()
        return operators.truth(tests[0] if len(tests) == 1 else f"coalesce({', '.join(tests)})")

    def _note(self, node: Operation, left: Forms, right: Forms, why: str) -> None:
        """Note that the comparison is the same for every event, unless one side is undefined."""
        if left.by_kind and right.by_kind:
            outcome = "true for every event" if node.operator == "!=" else "true for no event"
            note(
                f"{self.expression.name}: {written(node)} is {outcome}: "
                f"on the left is {left}, on the right {right}; {why}"
            )

    def _moment(self, of: Node) -> Forms:
        if isinstance(of, Property) and of.name == "time":
            return EVENT_TIME
        if isinstance(of, Literal) and isinstance(of.value, str):
            found = operators.read_moment(of.value, self.zone)
            if found is None:
                hint = 'write datetime("2024-01-31T12:00:00")'
                raise self.expression.mistake(of, "this is not a time", hint)
            text = literal(found.astimezone(UTC).isoformat(" "))
            return Forms({"datetime": f"{text}::timestamptz"}, total=True)
        forms = operators.moment(self.forms(of))
        if isinstance(of, Literal) and isinstance(of.value, (int, float)):
            if not 0 < of.value <= LAST_MS or isinstance(of.value, bool):
                hint = "a number is in seconds since 1970, or in milliseconds"
                raise self.expression.mistake(of, "this is not a time", hint)
            return Forms(forms.by_kind, total=True)
        return forms


def _items(node: Operation) -> tuple[Node, ...] | None:
    """The items of `x in [...]`; None for another operation."""
    if node.operator != "in":
        return None
    container = node.operands[1]
    listed = isinstance(container, Operation) and container.operator == "[]"
    return container.operands if listed and isinstance(container, Operation) else None
