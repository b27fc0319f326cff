# What a developer runs, in the environment of `just install`. `just` alone lists it.

default:
    @just --list --unsorted

# make .venv with everything that development needs
install:
    python3 -m venv .venv
    .venv/bin/pip install -q -c constraints.txt -e '.[dev]'

# lint, types, walls and tests
check: lint test

# style, types and the walls between rooms
lint:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# fix what ruff can fix
lint-fix:
    ruff check --fix .

# format the code
fmt:
    ruff format .

# the tests, or some: just test -n 0 mixpanel_assets_tests/warehouse
test *arguments:
    pytest {{arguments}}

# the tests, with the share of lines that they run, also in the processes that they start
test-cov *arguments:
    pytest --cov --cov-report term:skip-covered --cov-report html {{arguments}}

# the pages of docs/ as a site in site/; a link or anchor that leads nowhere fails
docs:
    NO_MKDOCS_2_WARNING=1 mkdocs build --strict

# the wheel in dist/
build:
    pip wheel -q --no-deps -w dist .

# remove what builds, checks and tests leave
clean:
    rm -rf site dist build .lowest .audit .examples .dg .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov

# everything that has to pass before a change lands, from a clean checkout
gate:
    .ci/run

# a short part of the tests with the oldest allowed dependencies
lowest:
    .ci/lowest

# the examples of the documents, with polars, pyarrow, dg and dbt
examples *arguments:
    .ci/examples {{arguments}}

# known vulnerabilities of the pinned versions; fails where the advisories can't be reached
audit:
    python3 -m venv .audit
    .audit/bin/pip install -q pip-audit
    .audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

# write the generated parts of the documentation: commands, licenses, shell sessions
pages:
    python -m mixpanel_assets_tests.clidoc
    python -m mixpanel_assets_tests.sessions
    python -m mixpanel_assets_tests.supply page

# how fast it is, beside other ways; docs/how-it-works/performance.md has the options
benchmark *arguments:
    python -m mixpanel_assets_tests.benchmarks {{arguments}}

# the long form: the torture suite in full, and every case that the short form leaves out
torture *arguments:
    pytest --torture -n 4 {{arguments}}

# 10,000 random cases of each local question, beside plain implementations of Mixpanel's documents
agree cases="10000" *arguments:
    AGREE_CASES={{cases}} pytest -k "agree and not live" mixpanel_assets_tests/warehouse/analytics {{arguments}}

# our answers beside those of other clients
judges *arguments:
    python -m mixpanel_assets_tests.judges {{arguments}}

# the project as `dg` sees it, and deploy/ as containers would run it, in an environment of their own
dg:
    python3 -m venv .dg
    .dg/bin/pip install -q -c constraints.txt -e '.[test]' dagster-dg-cli check-jsonschema
    .dg/bin/pytest -n 0 --torture mixpanel_assets_tests/test_deploy.py

# the Dagster UI
ui:
    mp dev
