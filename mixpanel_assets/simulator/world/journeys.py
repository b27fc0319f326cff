"""The events of a visit in a plausible order, each with its own properties."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from mixpanel_assets.simulator.world import catalog
from mixpanel_assets.simulator.world.people import Person

Step = tuple[str, dict[str, Any]]


def visit(rng: random.Random, visitor: Person, age: int) -> Iterator[Step]:
    """The events of one visit, `age` days after the visitor signed up; 0 is the sign-up."""
    yield _page_view(rng)
    if age == 0:
        yield "Sign Up", {"method": rng.choice(("email", "google", "sso")), "invited": False}
    elif age == visitor.changes_plan_at:
        yield _plan_changed(rng, visitor)
    for _ in range(rng.randrange(4)):
        yield _page_view(rng)
    if rng.random() < 0.45:
        yield _search(rng)
    if rng.random() < 0.06:
        yield _ticket(rng)
    if rng.random() < visitor.appetite:
        yield from _shopping(rng, visitor)


def _page_view(rng: random.Random) -> Step:
    page = rng.choice(catalog.PAGES)
    return "Page View", {
        "$current_url": catalog.SITE + page,
        "page": page,
        "load_ms": rng.randrange(180, 2600),
        "viewport": {"width": rng.randrange(320, 1920), "dark": rng.random() < 0.4},
    }


def _search(rng: random.Random) -> Step:
    results = rng.randrange(40)
    return "Search", {
        "query": rng.choice(catalog.QUERIES),
        "results": results,
        # One property of two types, as happens in real projects.
        "score": results * 2 if rng.random() < 0.8 else "n/a",
        "filters": {"category": rng.choice(("desks", "lamps", "chairs")), "in_stock": True},
    }


def _ticket(rng: random.Random) -> Step:
    return "Support Ticket Opened", {
        "topic": rng.choice(catalog.TOPICS),
        "priority": rng.choice(catalog.PRIORITIES),
        "message_length": rng.randrange(20, 900),
        "attachments": rng.sample(("screen.png", "invoice.pdf", "log.txt"), rng.randrange(3)),
    }


def _plan_changed(rng: random.Random, visitor: Person) -> Step:
    up = catalog.PLANS.index(visitor.next_plan) > catalog.PLANS.index(visitor.plan)
    return "Plan Changed", {
        "from_plan": visitor.plan,
        "to_plan": visitor.next_plan,
        "direction": "upgrade" if up else "downgrade",
        "seats": rng.randrange(1, 40),
    }


def _shopping(rng: random.Random, visitor: Person) -> Iterator[Step]:
    goods = rng.sample(catalog.GOODS, rng.choice((1, 1, 2, 3)))
    items: list[dict[str, Any]] = [
        {"sku": sku, "name": name, "category": kind, "price": price, "quantity": rng.choice((1, 2))}
        for sku, name, kind, price in goods
    ]
    for item in items:
        yield "Add To Cart", {**item, "currency": visitor.currency}
    amount = round(sum(item["price"] * item["quantity"] for item in items), 2)
    cart = {"amount": amount, "currency": visitor.currency, "items": items}
    if rng.random() < 0.65:
        yield "Checkout Started", {**cart, "step": 1}
        if rng.random() < 0.7:
            yield (
                "Purchase",
                {
                    **cart,
                    "coupon": rng.choice(catalog.COUPONS),
                    "gift": rng.random() < 0.1,
                    "tags": rng.sample(catalog.TAGS, rng.randrange(4)),
                    "order_id": f"o-{rng.getrandbits(40):010x}",
                },
            )
