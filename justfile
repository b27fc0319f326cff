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

test *arguments:
    pytest {{arguments}}

benchmark *arguments:
    python -m mixpanel_assets_tests.benchmarks {{arguments}}

# the long form of the torture suite, about an hour
torture *arguments:
    pytest --torture mixpanel_assets_tests/torture {{arguments}}

judges *arguments:
    python -m mixpanel_assets_tests.judges {{arguments}}

ui:
    mp dev
