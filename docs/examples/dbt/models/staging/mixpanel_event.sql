{{ config(materialized='view') }}
{#- The landed events as the table `event` that the package dbt_mixpanel reads: see docs/guides/dbt.md. -#}

{#- Properties that are columns there, without the $ of their names. -#}
{%- set types = {
    'VARCHAR': [
        'ae_session_length', 'app_build_number', 'app_version_string', 'bluetooth_version', 'brand',
        'browser', 'carrier', 'city', 'current_url', 'device', 'google_play_services',
        'initial_referrer', 'initial_referring_domain', 'lib_version', 'manufacturer', 'model', 'os',
        'os_version', 'radio', 'referrer', 'referring_domain', 'region', 'search_engine',
    ],
    'BIGINT': ['screen_dpi', 'screen_height', 'screen_width'],
    'DOUBLE': ['browser_version'],
    'BOOLEAN': ['bluetooth_enabled', 'has_nfc', 'has_telephone', 'wifi'],
} -%}
{%- set unmarked = ['mp_country_code', 'mp_keyword', 'mp_lib'] -%}

with sent as (
    select
        *,
        json_transform(properties, '{
            {% for type, names in types.items() %}{% for name in names -%}
            "${{ name }}": "{{ type }}",
            {% endfor %}{% endfor %}{% for name in unmarked -%}
            "{{ name }}": "VARCHAR"{{ "," if not loop.last }}
            {% endfor %}
        }') as property
    from {{ source('mixpanel', 'events') }}
),

-- The package keeps one event of those with the same insert_id, name, person and day. Events without
-- an insert_id are all different, and get one each.
identified as (
    select * from sent where insert_id is not null
    union all by name
    select * replace (
        'none-' || event_date || '-' || row_number() over (
            partition by event_date, lower(event_name), person
            order by event_time, properties::varchar
        ) as insert_id
    )
    from sent where insert_id is null
)

select
    md5(to_json([
        event_date::varchar, event_name, distinct_id, epoch_ms(event_time)::varchar, insert_id
    ])::varchar) as _fivetran_id,
    event_name as name,
    -- The package takes its day. If what was sent is no time, the day is all that is known.
    coalesce(
        event_time at time zone '{{ var("mixpanel_timezone", "UTC") }}', event_date::timestamp
    ) as time,
    person as distinct_id,
    case when distinct_id is distinct from person then distinct_id end as distinct_id_before_identity,
    device_id,
    insert_id,
    properties,
    epoch_ms(processed_at) as mp_processing_time_ms,
    processed_at at time zone 'UTC' as _fivetran_synced,
    {% for names in types.values() %}{% for name in names -%}
    property."${{ name }}" as {{ name }},
    {% endfor %}{% endfor %}{% for name in unmarked -%}
    property.{{ name }}{{ "," if not loop.last }}
    {% endfor %}
from identified
