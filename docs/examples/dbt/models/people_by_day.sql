select event_date, count(distinct distinct_id) as people
from {{ source('mixpanel', 'events') }}
group by all
