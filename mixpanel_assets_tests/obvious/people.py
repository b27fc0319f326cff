"""Which ids are one person, from all events at once: the rules one by one, none of them fast."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Record = tuple[str, int, Mapping[str, Any]]  # the event, when it came (in ms), its properties

KINDS = ["alias", "device", "identify", "merge", "resolved"]
PLACEHOLDERS = {"", "null", "undefined", "anonymous", "none", "unknown", "nil", "0", "-1", "true"}
UUID_LIKE = re.compile(r"(\$device:)?[0-9a-fA-F]+(-[0-9a-fA-F]+){4}")
MOST_IDS = 500


class Link(NamedTuple):
    seen: int
    order: int
    left: str
    right: str

    @property
    def kind(self) -> str:
        return KINDS[self.order]


def persons(records: Iterable[Record]) -> dict[str, str]:
    """The person of each id that is not a person's own."""
    links = first_of_each(link for record in records for link in links_of(*record))
    counted = sorted(only_one_owner(links))
    clusters: list[set[str]] = []
    for limited in (True, False):
        for link in counted:
            if (link.kind not in ("resolved", "device")) == limited:
                merge(clusters, link, MOST_IDS if limited else None)
    held = [link for link in counted if any({link.left, link.right} <= one for one in clusters)]
    best = {name: person_of(cluster, held) for cluster in clusters for name in cluster}
    return {name: person for name, person in best.items() if name != person}


def links_of(event: str, at: int, properties: Mapping[str, Any]) -> Iterable[Link]:
    """What an event says of ids that are one person's."""
    sent = {name: text(value) for name, value in properties.items()}
    own = sent.get("distinct_id")
    before = sent.get("$distinct_id_before_identity")
    pairs: list[tuple[str, str | None, str | None]] = [("resolved", before, own)]
    if not sent.get("$identity_failure_reason") and sent.get("$device_id"):
        device = str(sent["$device_id"]).removeprefix("$device:")
        if not (sent.get("$user_id") or "").startswith("$device:"):
            pairs.append(("device", f"$device:{device}", sent.get("$user_id")))
    if not sent.get("$failure_reason"):
        if event == "$identify":
            anonymous = sent.get("$anon_id") or sent.get("$anon_distinct_id")
            if anonymous and UUID_LIKE.fullmatch(anonymous):
                pairs.append(("identify", anonymous, sent.get("$identified_id") or before or own))
        elif event == "$create_alias":
            pairs.append(("alias", sent.get("alias"), before or own))
        elif event == "$merge":
            several = [text(one) for one in properties.get("$distinct_ids") or []]
            pairs += [("merge", other, several[0]) for other in several[1:]]
    for kind, left, right in pairs:
        if left and right and left != right and is_id(left) and is_id(right):
            yield Link(at, KINDS.index(kind), left, right)


def is_id(name: str) -> bool:
    return name.replace("$device:", "").lower() not in PLACEHOLDERS


def text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def first_of_each(links: Iterable[Link]) -> set[Link]:
    first: dict[tuple[int, str, str], Link] = {}
    for link in sorted(links):
        first.setdefault(link[1:], link)
    return set(first.values())


def only_one_owner(links: set[Link]) -> set[Link]:
    """The links that count: of an anonymous id the first to a user, of an alias the first."""
    users = {link.right for link in links if link.kind == "device"}

    def anonymous(link: Link) -> bool:
        shown = link.kind == "resolved" and link.left.startswith("$device:")
        return link.kind in ("device", "identify") or shown

    kept = {link for link in links if link.kind == "merge" or link.kind == "resolved"}
    kept -= set(filter(anonymous, kept))
    for name in {link.left for link in links}:
        mine = [link for link in links if link.left == name]
        given = [
            link
            for link in mine
            if anonymous(link) and not (link.kind == "identify" and name in users)
        ]
        kept |= set(sorted(given, key=lambda link: (link.kind != "resolved", link))[:1])
        kept |= set(sorted(link for link in mine if link.kind == "alias")[:1])
    return kept


def merge(clusters: list[set[str]], link: Link, most: int | None) -> None:
    ends = {link.left, link.right}
    near = [cluster for cluster in clusters if cluster & ends]
    merged = ends.union(*near)
    if most is not None and len(merged) > most:
        return
    for cluster in near:
        clusters.remove(cluster)
    clusters.append(merged)


def person_of(cluster: set[str], held: Iterable[Link]) -> str:
    """The id that stands for the cluster: Mixpanel's own word, a user, an alias's id, a merged."""

    def standing(name: str) -> tuple[int, bool, int, str]:
        ranks = [(4, 0)]
        for link in held:
            if name == link.right:
                ranks.append(
                    {
                        "resolved": (0, -link.seen),
                        "device": (1, link.seen),
                        "identify": (1, link.seen),
                        "alias": (2, link.seen),
                        "merge": (3, link.seen),
                    }[link.kind]
                )
            if name == link.left and link.kind == "merge":
                ranks.append((3, link.seen))
        rank, seen = min(ranks)
        return rank, name.startswith("$device:"), seen, name

    return min(cluster, key=standing)
