"""What NAT and the firewall do alike with their rules.

NSX-V API guide 6.4, NAT and firewall rules: an append takes a list, an insert above another rule takes one
bare rule, a PUT replaces one, and every append adds, the second time as the first: there is no client token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from adapters.nsxv.simulator.errors import ApiError, collect, invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, created, done
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge
from adapters.nsxv.simulator.values import Rule
from adapters.nsxv.simulator.world import World

R = TypeVar("R", bound=Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook(Generic[R]):
    """The rules of one feature.

    Attributes:
        feature: Its name in an address: `nat`.
        wrapper: The element around a list of rules.
        element: One rule's element.
        id_element: What it calls its id.
        tags: The range of `ruleTag`.
        parse: Reads a rule, without id and tag.
        missing: What it says of a rule that is not there.
        read, write: Where an edge keeps them.
        allocate: Takes the next id of an edge.
    """

    feature: str
    wrapper: str
    element: str
    id_element: str
    tags: tuple[int, int]
    parse: Callable[[Edge, Fields], R]
    missing: Callable[[str], ApiError]
    read: Callable[[Edge], tuple[R, ...]]
    write: Callable[[Edge, tuple[R, ...]], None]
    allocate: Callable[[Edge], int]

    def gather(self, world: World, edge: Edge, elements: Sequence[Fields]) -> tuple[R, ...]:
        """The user's rules of a whole configuration, numbered: a known id is kept, the rest are new.

        The manager makes its own rules itself. A client that echoes them is not refused (PowerNSX puts back
        all that it got), but it relies on that, so it is noted.
        """
        users = []
        for fields in elements:
            kind = fields.text("ruleType", "user")
            if kind == "user":
                users.append(fields)
            else:
                world.warnings.append(f"{edge.id}: a client sent back the {kind} rule of {self.feature}")
        parsed = collect(lambda fields: self._parse(edge, fields), users)
        known = {rule.id for rule in self.read(edge)}
        ids = [rule.id for rule in parsed if rule.id]
        if len(ids) != len(set(ids)):
            raise invalid(f"Duplicate {self.id_element} in {self.wrapper}.")
        self._check_count(world, edge, len(parsed))
        return self._numbered(world, edge, parsed, known)

    def post(self, world: World, request: Incoming, edge: Edge) -> Reply:
        """Append a list of rules, or insert one above another."""
        above = request.query.get("aboveRuleId")
        present = self.read(edge)
        if above is None:
            with Fields(request.document(self.wrapper)) as fields:
                new = collect(lambda one: self._parse(edge, one), fields.every(self.element, self.wrapper))
            at = len(present)
        else:
            new = (self._parse(edge, Fields(request.document(self.element), self.element)),)
            at = self._place(present, above)
        if not new:
            raise invalid(f"Required field {self.wrapper} is missing.")
        self._check_count(world, edge, len(present) + len(new))
        numbered = self._numbered(world, edge, new, set())
        self._store(edge, (*present[:at], *numbered, *present[at:]))
        return created(f"/api/4.0/edges/{edge.id}/{self.feature}/config/rules/{numbered[-1].id}")

    def put(self, world: World, request: Incoming, edge: Edge) -> Reply:
        """Replace one rule; it keeps its place, and its id."""
        present = self.read(edge)
        at = self.find(present, request.args["rule"])
        rule = replace(self._parse(edge, Fields(request.document(self.element), self.element)), id=0)
        rest = [*present[:at], *present[at + 1 :]]
        kept = present[at].id
        if world.options.tag_is_id and rule.tag is not None:
            self._check_tag(rest, rule.tag)
            kept = rule.tag
        self._store(edge, (*present[:at], replace(rule, id=kept), *present[at + 1 :]))
        return done()

    def delete(self, request: Incoming, edge: Edge) -> Reply:
        """Remove one rule; its id never comes back."""
        present = self.read(edge)
        at = self.find(present, request.args["rule"])
        self._store(edge, (*present[:at], *present[at + 1 :]))
        return done()

    def find(self, present: Sequence[R], identifier: str) -> int:
        """Where a rule stands."""
        for position, rule in enumerate(present):
            if str(rule.id) == identifier:
                return position
        raise self.missing(identifier)

    def _place(self, present: Sequence[R], above: str) -> int:
        if above == "0" and not present:
            return 0
        return self.find(present, above)

    def _parse(self, edge: Edge, fields: Fields) -> R:
        with fields:
            identifier = fields.optional_number(self.id_element, 0, 10**9) or 0
            tag = self._tag(fields, identifier)
            if fields.text("ruleType", "user") != "user":
                raise invalid(f"Field {fields.path('ruleType')} is the system's.")
            return replace(self.parse(edge, fields), id=identifier, tag=tag)

    def _tag(self, fields: Fields, identifier: int) -> int | None:
        """The tag that the user chose. A client that echoes an untagged rule sends its id as the tag."""
        generated = identifier > self.tags[1]
        if generated and fields.text("ruleTag") == str(identifier):
            return None
        return fields.optional_number("ruleTag", *self.tags)

    def _numbered(self, world: World, edge: Edge, rules: Sequence[R], known: set[int]) -> tuple[R, ...]:
        numbered: list[R] = []
        for rule in rules:
            if world.options.tag_is_id and rule.tag is not None:
                others = [other for other in self.read(edge) if other.id not in known]
                self._check_tag([*others, *numbered], rule.tag)
                numbered.append(replace(rule, id=rule.tag))
            else:
                numbered.append(replace(rule, id=rule.id if rule.id in known else self.allocate(edge)))
        return tuple(numbered)

    def _check_tag(self, others: Sequence[R], tag: int) -> None:
        if any(other.id == tag for other in others):
            raise invalid(f"A rule with ruleTag {tag} already exists.")

    def _check_count(self, world: World, edge: Edge, count: int) -> None:
        world.check_limit(edge, f"{self.feature}.MAX_RULES", count)

    def _store(self, edge: Edge, rules: tuple[R, ...]) -> None:
        self.write(edge, rules)
        edge.touch(self.feature)
