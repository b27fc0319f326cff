"""Events and people of each landed day, read with SQLAlchemy: python days.py mixpanel.duckdb"""

import sys

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

engine = create_engine(
    f"duckdb:///{sys.argv[1]}",
    connect_args={"read_only": True},
    poolclass=NullPool,  # a pool keeps the file open, and mp waits for it
)
with engine.connect() as connection:
    for day, events, people in connection.execute(
        text(
            "select event_date, count(*), count(distinct person) from events "
            "group by all order by all"
        )
    ):
        print(day, events, people)
