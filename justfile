# What a developer runs; .ci/run runs the same.

default:
    @just --list

install:
    python3 -m venv .venv
    .venv/bin/pip install -q -c constraints.txt -e '.[dev]'

check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# known vulnerabilities of the pinned versions; fails where the advisories can't be reached
audit:
    python3 -m venv .audit
    .audit/bin/pip install -q pip-audit
    .audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

# the table of docs/licenses.md
licenses:
    python -m mixpanel_assets_tests.supply page

test *arguments:
    pytest {{arguments}}

benchmark *arguments:
    python -m mixpanel_assets_tests.benchmarks {{arguments}}

# the long form of the torture suite, about an hour
torture *arguments:
    pytest --torture -n 4 mixpanel_assets_tests/torture mixpanel_assets_tests/defs/test_weeks.py {{arguments}}

judges *arguments:
    python -m mixpanel_assets_tests.judges {{arguments}}

ui:
    mp dev
