"""What is saved in a project, besides its cohorts; a world comes with a few items.

All of it matches what `journeys` makes the world's visitors do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from mixpanel_assets.simulator.app.annotations import Annotations
from mixpanel_assets.simulator.app.bookmarks import (
    Bookmarks,
    Flows,
    FunnelReport,
    Insights,
    RetentionReport,
)
from mixpanel_assets.simulator.app.lexicon import PROFILE, Lexicon
from mixpanel_assets.simulator.query.funnels import Funnels, Step
from mixpanel_assets.simulator.world.shop import World

_CHECKOUT = ("Add To Cart", "Checkout Started", "Purchase")


@dataclass(frozen=True)
class Saved:
    """The saved items of one project."""

    funnels: Funnels = field(default_factory=Funnels)
    bookmarks: Bookmarks = field(default_factory=Bookmarks)
    lexicon: Lexicon = field(default_factory=Lexicon)
    annotations: Annotations = field(default_factory=Annotations)


def saved_in(world: World | None) -> Saved:
    """The saved items of a world of a shop; empty without one."""
    saved = Saved()
    if world is None or not world.of_shop:
        return saved
    saved.funnels.add("Checkout", _CHECKOUT, length=1)
    free = Step("Sign Up", label="Signed up"), Step("Purchase", label="First purchase")
    saved.funnels.add("From sign-up to purchase", free, length=14)
    _save_reports(saved.bookmarks)
    _describe_events(saved.lexicon)
    _describe_properties(saved.lexicon)
    launched = world.first_day + timedelta(days=1)
    saved.annotations.add(f"{launched} 09:00:00", "Version 2.56 of the web SDK", tags=["release"])
    sale = world.first_day + timedelta(days=3)
    saved.annotations.add(f"{sale} 12:30:00", "The sale began 🌙", tags=["release", "marketing"])
    return saved


def _save_reports(bookmarks: Bookmarks) -> None:
    bookmarks.add(
        "Purchases by plan",
        Insights(events=("Purchase",), by="plan"),
        description="How many purchases a day, by the buyer's plan.",
    )
    bookmarks.add("Visitors a week", Insights(events=("Page View",), math="unique", unit="week"))
    steps = tuple(Step(name) for name in _CHECKOUT)
    bookmarks.add("Checkout, all in all", FunnelReport(steps=steps, length=1))
    bookmarks.add("Do new customers come back?", RetentionReport(born_event="Sign Up", unit="day"))
    bookmarks.add("After signing up", Flows(event="Sign Up"))


_EVENTS = {
    "Page View": "A page of the shop was shown.",
    "Sign Up": "An account was made.",
    "Search": "The catalog was searched; an empty query counts.",
    "Support Ticket Opened": "Somebody asked for help.",
    "Plan Changed": "A customer went to a larger or a smaller plan.",
    "Add To Cart": "One kind of goods was put in the cart.",
    "Checkout Started": "The cart was taken to the checkout.",
    "Purchase": "An order was paid.",
}

_PROPERTIES = {
    "Page View": (("page", "string", "The path of the page."), ("load_ms", "integer", "")),
    "Sign Up": (("method", "string", "email, google or sso."),),
    "Search": (("query", "string", "As typed."), ("results", "integer", "How many were found.")),
    "Support Ticket Opened": (("topic", "string", ""), ("priority", "string", "")),
    "Plan Changed": (("to_plan", "string", "The new plan."), ("seats", "integer", "")),
    "Add To Cart": (("price", "number", "Of one piece, in the currency."),),
    "Checkout Started": (("amount", "number", "Of the whole cart, in the currency."),),
    "Purchase": (
        ("amount", "number", "Of the whole order, in the currency."),
        ("currency", "string", "ISO 4217."),
        ("items", "array", "What was bought, one object a kind of goods."),
        ("coupon", "string", "Null when none was used."),
        ("gift", "boolean", ""),
    ),
}


def _describe_events(lexicon: Lexicon) -> None:
    for name, description in _EVENTS.items():
        tags = ["shop"] if name in _CHECKOUT else []
        lexicon.describe(name, description, tags=tags, contacts=["analyst@example.com"])
    lexicon.describe(PROFILE, "A customer of the shop.")


def _describe_properties(lexicon: Lexicon) -> None:
    for event, found in _PROPERTIES.items():
        lexicon.describe_property(event, "plan", "string", "The plan at the time of the event.")
        for name, kind, description in found:
            lexicon.describe_property(event, name, kind, description)
    lexicon.describe_property(PROFILE, "plan", "string", "The plan that the customer is on.")
    lexicon.describe_property(
        PROFILE, "lifetime_value", "number", "All orders together.", display_name="Lifetime value"
    )
