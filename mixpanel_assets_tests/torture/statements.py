"""Statements that do harm in an open DuckDB, and the clothes that they may come in."""

import random

# {canary}: a file with a secret; {new}: a path that is free; {warehouse}: the database file.
READS = [
    "from read_csv('{canary}')",
    "from read_csv_auto('{canary}', all_varchar = true)",
    "from read_text('{canary}')",
    "from read_text(['{canary}'])",
    "from read_blob('{canary}')",
    "from read_json('{canary}', format = 'unstructured')",
    "from read_json_objects('{canary}', format = 'unstructured')",
    "from read_ndjson_objects('{canary}', ignore_errors = true)",
    "from read_csv('file://{canary}')",
    "from read_text('{folder}/*.csv')",
    "from read_text('{folder}/box/../canary.csv')",
    "from read_text('{warehouse}.tmp/../../canary.csv')",
    "from sniff_csv('{canary}')",
    "from parquet_metadata('{canary}')",
    "from parquet_schema('{canary}')",
    "from glob('{folder}/*')",
    "from glob('{warehouse}*')",
    "from '{canary}'",
    'from "{canary}"',
    "from 'canary.csv'",
    "from 'file:{canary}'",
    "from read_parquet('{canary}')",
    "from read_blob('{warehouse}')",
    "from read_duckdb('{warehouse}', table_name = 'landed')",
    "from read_text('/proc/self/environ')",
    "from read_text('/proc/self/cmdline')",
    "from read_csv('/dev/fd/0')",
    "from read_csv('~/canary.csv')",
    "from read_csv('http://127.0.0.1:{port}/x')",
    "from 'https://127.0.0.1:{port}/x.parquet'",
    "from read_text('s3://canary/x')",
    "from frame",
    "from query_table('frame')",
    "from query_table('{canary}')",
    "from query('from read_text(''{canary}'')')",
    "from json_execute_serialized_sql(json_serialize_sql('from read_text(''{canary}'')'))",
    "from duckdb_secrets()",
    "from duckdb_secrets(redact = false)",
    "from which_secret('{canary}', 's3')",
    "from duckdb_extensions()",
    "select getenv('MP_SECRET')",
    "select getenv('CANARY')",
    "select getvariable('MP_SECRET')",
    "select current_setting('secret_directory')",
    "from csv_scan('{canary}')",
    "from seq_scan('landed')",
    "from pandas_scan(1, 2, 3)",
    "from arrow_scan(1, 2, 3)",
]

WRITES = [
    "copy (select 1) to '{new}'",
    "copy (select 1) to '{new}' (format parquet)",
    "copy (select 1) to '{new}' (format json)",
    "copy (select 1 as a) to '{new}' (partition_by (a))",
    "copy (select 1) to '{warehouse}.wal'",
    "copy (select 1) to '{warehouse}.wal.checkpoint'",
    "copy (select 1) to '{warehouse}.wal.recovery'",
    "copy (select 1) to '{warehouse}.tmp/x'",
    "copy (select 1) to '{warehouse}' (use_tmp_file false)",
    "copy (select 1) to '/dev/stdout'",
    "copy landed to '{new}'",
    "copy landed from '{canary}'",
    "copy from database box to memory",
    "export database '{new}'",
    "export database '{warehouse}.tmp'",
    "import database '{folder}'",
    "pragma import_database('{folder}')",
    "attach '{new}'",
    "attach '{new}' as x (read_write)",
    "attach '{warehouse}' as x (read_write)",
    "attach '{warehouse}.tmp/x.duckdb' as x",
    "attach ':memory:' as x",
    "attach 'http://127.0.0.1:{port}/x' as x",
    "detach warehouse",
    "install httpfs",
    "force install httpfs from community",
    "install '{canary}'",
    "load httpfs",
    "load '{canary}'",
    "update extensions",
    "insert into landed select * from landed",
    "insert into events_wide (event_name) values ('x')",
    "update landed set rows = 0",
    "delete from landed",
    "truncate landed",
    "merge into landed using (select 1 as a) as t on false when matched then delete",
    "drop table landed",
    "drop view events",
    "drop schema by_event cascade",
    "alter table landed add column x int",
    "alter table landed rename to x",
    "comment on table landed is 'x'",
    "create table x as select 1",
    "create temp table x as select 1",
    "create or replace view events as select 1",
    "create schema x",
    "create index x on landed (rows)",
    "create sequence x",
    "create type x as enum ('a')",
    "create function x() as 1",
    "create macro x() as table from read_text('{canary}')",
    "create secret x (type s3, key_id 'a', secret 'b')",
    "create persistent secret x (type http, bearer_token 'a')",
    "set enable_external_access = true",
    "set global disabled_filesystems = ''",
    "set lock_configuration = false",
    "set memory_limit = '100GB'",
    "set temp_directory = '{new}'",
    "set extension_directory = '{new}'",
    "set allowed_paths = ['{canary}']",
    "set allowed_directories = ['{folder}']",
    "set home_directory = '{folder}'",
    "set log_query_path = '{new}'",
    "set profiling_output = '{new}'",
    "set variable x = (select max(content) from read_text('{canary}'))",
    "reset memory_limit",
    "reset enable_external_access",
    "pragma enable_profiling = 'json'",
    "pragma profiling_output = '{new}'",
    "pragma memory_limit = '100GB'",
    "call enable_logging(storage = 'file', storage_path = '{new}')",
    "call enable_profiling(save_location = '{new}')",
    "call pragma_version()",
    "checkpoint",
    "force checkpoint",
    "vacuum",
    "analyze",
    "begin",
    "prepare x as select 1",
    "execute x",
    "use memory",
    "select write_log('x', level := 'error')",
]

AROUND_READS = [
    "{0}",
    "with a as ({0}) from a",
    "with a as materialized ({0}) select * from a union all from a",
    "select * from ({0})",
    "select count(*), max(columns(*)) from ({0})",
    "select (select max(columns(*)) from ({0}))",
    "select exists ({0})",
    "select * from landed, lateral ({0})",
    "explain {0}",
    "explain analyze {0}",
    "describe {0}",
    "summarize {0}",
    "select * from (summarize {0})",
    "create temp table x as {0}",
    "create temp view x as {0}",
    "copy ({0}) to '{new}'",
    "insert into landed {0}",
    "prepare x as {0}",
    "select * from query('{quoted}')",
    "from json_execute_serialized_sql(json_serialize_sql('{quoted}'))",
    "with recursive a as (select 1 as n union all select n + 1 from a where n < 3) "
    "select * from a, ({0})",
]

AROUND_WRITES = [
    "{0}",
    "with a as ({0}) from a",
    "with a as ({0}), b as (select 1) select * from b",
    "select * from ({0})",
    "select 1 where exists ({0})",
    "explain analyze {0}",
    "explain {0}",
    "prepare x as {0}",
    "select 1; {0}",
    "{0}; select 1",
    "begin; {0}; commit",
    "select * from query('{quoted}')",
    "from json_execute_serialized_sql('{quoted}')",
    "pragma json_execute_serialized_sql('{quoted}')",
    "create macro x() as ({0})",
]

BLANKS = [" ", "\t", "\n", "\r\n", "  ", "/**/", " /* x */ ", "--\n", "\u00a0", "\u2003", "\u3000"]
ENDS = ["", "", ";", ";;", " --", " /* end */", "\n;\n", "\0", "\u200b", " -- ' \" $$"]
STARTS = ["", "", " ", "\n", ";", "/* a /* b */ c */", "-- x\n", "\ufeff", "(", "\\"]


def dressed(chance: random.Random, places: dict[str, object]) -> str:
    """One of the statements, over these places, in clothes of its own."""
    if chance.random() < 0.45:
        bare, around = chance.choice(READS), chance.choice(AROUND_READS)
    else:
        bare, around = chance.choice(WRITES), chance.choice(AROUND_WRITES)
    inner = _disguised(chance, bare).format(**places)
    quoted = inner.replace("'", "''")
    return chance.choice(STARTS) + around.format(inner, quoted=quoted, **places) + _end(chance)


def _disguised(chance: random.Random, bare: str) -> str:
    """The same words in another case, with other blanks; what is in quotes stays."""
    disguise = chance.random()
    if disguise < 0.4:
        return bare
    parts = bare.split("'")
    for n in range(0, len(parts), 2):
        words = parts[n].split(" ")
        if disguise < 0.7:
            words = [_other_case(chance, word) for word in words]
        parts[n] = (chance.choice(BLANKS) if disguise > 0.55 else " ").join(words)
    return "'".join(parts)


def _other_case(chance: random.Random, word: str) -> str:
    return word if "{" in word else "".join(chance.choice((c.upper(), c.lower())) for c in word)


def _end(chance: random.Random) -> str:
    return chance.choice(ENDS)
