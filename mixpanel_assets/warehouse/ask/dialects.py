"""What DuckDB has for functions of other databases."""

from __future__ import annotations

_ADDED = "event_date + interval 7 days, or event_time - interval 1 hour"
_BETWEEN = "date_diff('day', earlier, later)"
_NOW = "now(), current_date"
_AS_TEXT = "strftime(event_time, '%Y-%m-%d')"
_AS_DAY = "event_time::date, or strptime('05.01.2024', '%d.%m.%Y') for a text"
_BUCKET = "date_trunc('day', event_time)"
_TRIED = "try_cast(x as double)"
_JSON = "properties->>'$.name'"
_DISTINCT = "count(distinct x), or approx_count_distinct(x)"
_QUANTILE = "quantile_cont(x, 0.5), or median(x)"
_LIST = "list(x), or list(distinct x)"

# Functions of other databases, and how DuckDB says it.
_BY_MEANING = {
    "dateadd date_add datetime_add timestamp_add timestampadd adddate add_days adddays": _ADDED,
    "date_sub datesub datetime_sub timestamp_sub subdate subtractdays add_months": _ADDED,
    "datediff timestampdiff datetime_diff timestamp_diff date_diff days_between months_between": (
        _BETWEEN
    ),
    "getdate getutcdate sysdate sysdatetime curdate curtime utc_timestamp systimestamp": _NOW,
    "to_char to_varchar date_format format_date format_datetime format_timestamp formatdatetime "
    "from_unixtime_format tochar time_format": _AS_TEXT,
    "to_date todate str_to_date parse_date parse_datetime parse_timestamp to_datetime todatetime "
    "date_parse try_to_date to_timestamp_ntz parsedatetimebesteffort cdate": _AS_DAY,
    "timestamp_trunc datetime_trunc trunc trunc_date tostartofday tostartofweek tostartofmonth "
    "tostartofhour todayofweek tomonday date_bin dateadd_trunc": _BUCKET,
    "datepart date_part_year todayofmonth tohour tomonth toyear datename": (
        "date_part('hour', event_time), dayname(event_time)"
    ),
    "from_unixtime fromunixtime timestamp_seconds fromunixtimestamp": "to_timestamp(seconds)",
    "timestamp_millis fromunixtimestamp64milli": "to_timestamp(milliseconds / 1000)",
    "unix_timestamp tounixtimestamp to_unixtime unix_seconds": "epoch(event_time)",
    "unix_millis to_unix_millis": "epoch_ms(event_time)",
    "nvl isnull zeroifnull ifnull0 null_to_zero": "coalesce(a, b)",
    "iff iif multiif decode nvl2": "if(condition, a, b), or case when ... then ... else ... end",
    "safe_cast try_convert convert to_number tonumber try_to_number toint64 toint32 tofloat64 "
    "tointeger to_double cint": _TRIED,
    "tostring to_string cstr": "x::varchar",
    "safe_divide div0 div0null": "a / nullif(b, 0)",
    "json_extract_scalar get_json_object json_query jsonextractstring json_extract_text "
    "jsonextractraw get_path try_parse_json json_get simplejsonextractstring "
    "visitparamextractstring json_extract_path jsonb_extract_path_text json_unquote": _JSON,
    "parse_json to_json_text tojson": "x::json",
    "json_object_keys jsonb_object_keys object_keys": "unnest(json_keys(properties))",
    "uniq uniqexact uniqcombined count_distinct countdistinct distinct_count": _DISTINCT,
    "approx_distinct hll ndv hll_count approx_count approxcountdistinct": _DISTINCT,
    "percentile percentile_cont percentile_disc approx_percentile percentile_approx quantileexact "
    "approx_quantiles quantiles quantiletdigest percentile_array apx_percentile": _QUANTILE,
    "collect_list collect_set grouparray groupuniqarray array_collect make_list make_set": _LIST,
    "sumif avgif averageif minif maxif uniqif": "sum(x) filter (where condition)",
    "countifs": "count(*) filter (where condition)",
    "any_val anylast": "any_value(x)",
    "argmax_by maxby": "arg_max(x, y)",
    "rand newid_number random_uniform": "random()",
    "newid uuid_string generate_uuid sys_guid generateuuidv4": "uuid()",
    "explode flatten arrayjoin posexplode array_join_rows": "unnest(x)",
    "substring_index split_to_part splitbychar": "split_part(x, ',', 1)",
    "regexp_substr regexp_extract_first extractall": "regexp_extract(x, 'pattern')",
    "regexp_like rlike regexp_contains regexp_instr match": "regexp_matches(x, 'pattern')",
    "charindex locate position_of indexof patindex": "instr(x, 'part')",
    "datalength lengthutf8 len_utf8": "length(x)",
    "startswith startwith": "starts_with(x, 'start')",
    "endswith endwith": "ends_with(x, 'end')",
    "eomonth lastday tolastdayofmonth": "last_day(x)",
    "generate_array generate_date_array sequence numbers": "range(start, stop, step)",
    "to_base64_text base64_encode": "base64(x::blob)",
    "rownum row_num rownumber": "row_number() over (order by x)",
    "runningdifference neighbor": "x - lag(x) over (order by event_time)",
    "timezone_convert convert_timezone convert_tz from_utc_timestamp totimezone": (
        "event_time at time zone 'Europe/Paris'"
    ),
}
DIALECTS = {name: said for names, said in _BY_MEANING.items() for name in names.split()}

TYPES = {
    "string": "varchar", "str": "varchar", "number": "double", "num": "double", "int": "bigint",
    "integer": "bigint", "bigint": "bigint", "long": "bigint", "double": "double",
    "float": "double", "numeric": "decimal", "decimal": "decimal", "boolean": "boolean",
    "bool": "boolean", "varchar": "varchar", "text": "varchar", "date": "date",
    "datetime": "timestamp", "timestamp": "timestamp", "timestamptz": "timestamptz",
    "json": "json", "jsonb": "json", "variant": "json", "object": "json", "uuid": "uuid",
}  # fmt: skip
