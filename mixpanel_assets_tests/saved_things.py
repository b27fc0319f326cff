"""A Mixpanel with one of each thing that people save in it."""

from mixpanel_assets.simulator.app.bookmarks import Insights
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets_tests.conftest import DAY, event

NOW = 1_704_283_200.0  # the day after DAY
PURCHASE = {"plan": "pro", "items": [{"sku": "a", "n": 1}], "amount": 9.5}


def simulated(plan_refuses: tuple[str, ...] = (), now: float = NOW) -> Simulator:
    """A Mixpanel with two kinds of events, one of which is described, and one of each thing."""
    store = Store()
    store.set_day(DAY, [event("Purchase", **PURCHASE), event("Page/View", plan="free")])
    cohorts = [Cohort(id=7, name="Payers", where="true")]
    simulator = Simulator(
        store,
        cohorts=cohorts,
        clock=lambda: now,
        plan_refuses=plan_refuses,
        retry_after=0,
    )
    simulator.funnels.add("Checkout", ["Page/View", "Purchase"], id_=3)
    simulator.bookmarks.add("Sales", Insights(events=("Purchase",)), id_=63)
    simulator.annotations.add("2024-01-02 09:00:00", "Sale", tags=["m"], id_=9)
    simulator.lexicon.describe("Purchase", "An order was paid.", tags=["shop"])
    simulator.lexicon.describe("Refund", "Money went back.")
    simulator.lexicon.describe_property("Purchase", "plan", "string", "The plan.")
    simulator.lexicon.describe_property("$user", "plan", "string", "The plan now.")
    return simulator
