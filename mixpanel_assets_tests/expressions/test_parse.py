"""Expressions are read as Mixpanel documents them, and a mistake is shown where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import Expression, parse
from mixpanel_assets.expressions.parser import MOST_DEEP
from mixpanel_assets.expressions.tokens import KEYWORDS
from mixpanel_assets.expressions.tree import (
    FUNCTIONS,
    Literal,
    Node,
    Operation,
    Property,
    walk,
    written,
)
from mixpanel_assets.simulator import expressions as simulator


def of(text: str) -> str:
    return str(parse(text))


def refused(text: str) -> UsageError:
    with pytest.raises(UsageError) as found:
        parse(text)
    return found.value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('properties["plan"] == "free"', 'properties["plan"] == "free"'),
        # A name alone is ours: Mixpanel knows names in brackets only.
        ('plan == "free"', 'properties["plan"] == "free"'),
        ("$browser == name_2", 'properties["$browser"] == properties["name_2"]'),
        ("größe > 1", 'properties["größe"] > 1'),
        ('event["$time"] > datetime(1)', 'properties["$time"] > datetime(1)'),
        (r'properties["a \"b\" \\ ]"] == "\\"', r'properties["a \"b\" \\ ]"] == "\\"'),
        ("x in [1, 2.5, -3]", 'properties["x"] in [1, 2.5, -3]'),
        ('"a" in x', '"a" in properties["x"]'),
        ("x in []", 'properties["x"] in []'),
        # `not in` is ours too.
        ("x not in [1]", 'not (properties["x"] in [1])'),
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("(1 + 2) * 3", "(1 + 2) * 3"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("-x % 3", '(-properties["x"]) % 3'),
        ("-5", "-5"),
        ("1e3", "1000.0"),
        ("a or b and not c == d", 'properties["a"] or (properties["b"] and (not '
                                  '(properties["c"] == properties["d"])))'),
        ("a and b and c", 'properties["a"] and properties["b"] and properties["c"]'),
        ("a AND b Or Not c", '(properties["a"] and properties["b"]) or (not properties["c"])'),
        ("x == TRUE", 'properties["x"] == true'),
        ("x == null", 'properties["x"] == undefined'),
        ("not defined(city)", 'not defined(properties["city"])'),
        ("(defined (city))", 'defined(properties["city"])'),
        ("round(number(x) / 2)", 'round(number(properties["x"]) / 2)'),
        (" \n x\t==\n1 ", 'properties["x"] == 1'),
    ],
)  # fmt: skip
def test_an_expression_is_written_as_mixpanel_reads_it(text: str, meant: str) -> None:
    assert of(text) == meant
    assert of(meant) == meant


@pytest.mark.parametrize(
    ("text", "position", "message", "hint"),
    [
        ('plan = "free"', 6, "expected an operator or the end; found =", "equal is =="),
        ("x <> 1", 3, "found <", "not equal is !="),
        ("plan == 'free'", 9, "expected a value; found '", 'texts are in double quotes: "text"'),
        ("plan == “free”", 9, "expected a value; found “", 'quotes are straight: "text"'),
        ("a && b", 3, "found &", "conjunction is and"),
        ("a || b", 3, "found |", "disjunction is or"),
        ("!a", 1, "expected a value; found !", "negation is not"),
        ("`a` == 1", 1, "found `", 'a name can be written as properties["..."]'),
        ("x is null", 3, "found is", 'write defined(properties["..."]) or not defined'),
        ("x is set", 3, "found is", 'write defined(properties["..."]) or not defined'),
        ("x LIKE 'a%'", 3, "found LIKE", 'a part of a text is "part" in properties["..."]'),
        ("x between 1 and 2", 3, "found between", "write x >= 1 and x <= 2"),
        ("1 < x < 3", 7, "comparisons can't be chained", "write a < b and b < c"),
        ("x == not y", 6, "not has to be in parentheses here", "(not ...)"),
        ("x == [1]", 6, "expected a value; found a list", "a list comes after in"),
        ("x[1]", 1, "x[...] is unknown", 'a property is properties["..."]'),
        ("properties.plan == 1", 1, "a name with a dot has to be", 'write properties["plan"]'),
        ("utm.source == 1", 1, "a name with a dot has to be", 'write properties["utm.source"]'),
        ("properties[plan]", 12, "expected a name in double quotes; found plan", None),
        ('properties["plan"', 18, "expected ]; found the end", None),
        ('user["$email"] == "a"', 1, "user[...] reads profiles, which are not", "with SQL"),
        ('event["name"] == "a"', 7, 'event[...] has "$time" only', 'properties["name"]'),
        ("any(x)", 1, "there is no function any", "there are defined, string, number"),
        ("rond(x)", 1, "there is no function rond", "did you mean round?"),
        ("floor(x", 8, "expected an operator or ); found the end", None),
        ("(x", 3, "expected an operator or ); found the end", None),
        ("x in [1 2]", 9, "expected , or ]; found 2", None),
        ("x in [1,]", 9, "expected a value; found ]", None),
        ("x > .5", 5, "expected a value; found .", "a fraction is 0.5"),
        ("x > 5kg", 5, "expected a value; found 5", None),
        ("1e999", 1, "the number is too large", None),
        ('x == "abc', 6, "the quote is never closed", r"a quote in a text is \""),
        (r'x == "a\n"', 8, "unknown escape", r"a backslash is \\"),
        ("", 1, "expected a value; found the end", None),
        ("x y", 3, "expected an operator or the end; found y", None),
        ("x; drop table events", 2, "expected an operator or the end; found ;", None),
    ],
)
def test_a_mistake_is_shown_at_its_character(
    text: str, position: int, message: str, hint: str | None
) -> None:
    error = refused(text)
    first, shown, caret = error.message.split("\n")
    assert first.startswith("where: ")
    assert message in first
    assert shown == f"    {text}"
    assert caret == " " * (3 + position) + "^"
    assert (hint or "") in (error.hint or "")
    assert bool(hint) == bool(error.hint)
    assert error.details == {"expression": text, "position": position}


def test_the_caret_is_under_the_character_of_a_wide_or_long_or_hidden_text() -> None:
    assert refused("東京 = 1").message.endswith("    東京 = 1\n         ^")
    assert refused("a\n\t= 1").message.endswith("    a  = 1\n       ^")
    assert refused("a\x00 = 1").message.split("\n")[1:] == ["    a\\x00 = 1", "     ^"]
    _, shown, caret = refused("a == 1 and " * 20 + "b = 1" + " " * 200).message.split("\n")
    assert shown[caret.index("^")] == "="
    assert shown.startswith("    ...")
    assert shown.endswith("...")


def test_another_parameter_is_named_in_its_mistakes() -> None:
    with pytest.raises(UsageError, match=r"^born_where: expected"):
        parse("a =", "born_where")


def test_the_properties_of_an_expression_are_listed_once_in_order() -> None:
    text = 'b == 1 and (properties["a b"] in [c, 2] or $time > datetime(b)) and "text" in c'
    assert parse(text).properties() == ["b", "a b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "1" + ")" * 100_000,
        "-" * 100_000 + "x",
        "not " * 100_000 + "x",
        "floor(" * 100_000 + "x" + ")" * 100_000,
        "+".join(["x"] * 100_000),
        "x == (" * 100_000,
        "x in [" * 100_000,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert f"nested more than {MOST_DEEP} levels deep" in refused(text).message


def test_long_conditions_and_lists_are_not_deep() -> None:
    assert len(parse(" or ".join(f"x == {n}" for n in range(10_000))).properties()) == 1
    listed = parse(f"x in [{', '.join(map(str, range(10_000)))}] and y == 1")
    assert listed.properties() == ["x", "y"]


texts = st.text(max_size=6) | st.sampled_from(['"', "\\", '"];--', "]", "\x00", "a\nb"])
literals = st.builds(
    Literal,
    st.none()
    | st.booleans()
    | texts
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False),
    st.just(0),
)


def operations(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def made(operator: str, *operands: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.tuples(*operands).map(lambda given: Operation(operator, given, 0))

    listed = st.lists(nodes, max_size=3).map(lambda items: Operation("[]", tuple(items), 0))
    binary = [made(sign, nodes, nodes) for sign in ("==", "<", "in", "+", "-", "%")]
    several = st.lists(nodes, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        *binary,
        made("in", nodes, listed),
        *(
            several.map(lambda given, sign=sign: Operation(sign, given, 0))
            for sign in ("and", "or")
        ),
        *(made(one, nodes) for one in ("not", *FUNCTIONS)),
        made("-", nodes.filter(lambda node: not isinstance(node, Literal))),
    )


trees = st.recursive(literals | st.builds(Property, texts, st.just(0)), operations, max_leaves=12)


def bare(node: Node) -> object:
    """The tree without positions."""
    if isinstance(node, Operation):
        return node.operator, [bare(one) for one in node.operands]
    if isinstance(node, Literal):
        return type(node.value), node.value
    return node.name


@given(trees)
def test_what_is_written_is_read_as_the_same(tree: Node) -> None:
    text = written(tree)
    assert bare(parse(text).tree) == bare(tree)
    assert Expression(text, tree).properties() == parse(text).properties()
    if not any(isinstance(node, Operation) and node.operator == "list" for node in walk(tree)):
        simulator.parse(text)  # Mixpanel reads it too; list() is of profiles


pieces = st.sampled_from(
    [*"()[],.;=<>!&|'\"\\-+*/% \n\x00`", "==", "x", "1", "0.5", '"a"', "--", "/*", "$time", "日",
     "properties", "user", "event", *KEYWORDS, *FUNCTIONS]
)  # fmt: skip


@given(st.text(max_size=20) | st.lists(pieces, max_size=12).map(" ".join))
def test_any_text_is_read_or_refused_with_its_position(text: str) -> None:
    position = 1
    try:
        parse(text)
    except UsageError as error:
        position = error.details["position"]
    assert 1 <= position <= len(text) + 1
