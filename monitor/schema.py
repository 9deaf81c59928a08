"""How one topic's JSON becomes typed events: the contract's own form, or a venue's, by names."""

import difflib
from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal, Union, get_type_hints

import msgspec
import numpy as np
from msgspec import NODEFAULT, Meta, Struct, defstruct
from msgspec.structs import FieldInfo, fields
from numpy.typing import NDArray

from monitor.events import EVENT_TYPES, NS_PER_S, Event, Kind

NS_PER_UNIT = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NS_PER_S}
SideSpelling = str | int | bool
NUMBERED = ("account", "taker", "collateral_pool")  # that many venues have numbers for


class TopicMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue's own schema for one topic; every default is the contract's form.

    type: the event type of every record, or None where records say it themselves.
    type_field, types: the venue's field that tells types apart, and its spelling of each type.
    fields: contract field -> venue's path, dots for nesting (`price = "data.p"`).
    side: the venue's spellings; strings, integers or booleans.
    defaults: contract field -> value used where a record lacks it.
    """

    type: str | None = None
    type_field: str = "type"
    types: dict[str, str] = {}
    ts_unit: Literal["ns", "us", "ms", "s"] = "ns"
    fields: dict[str, str] = {}
    side: dict[Literal["buy", "sell"], list[SideSpelling]] = {}
    defaults: dict[str, str | int | float] = {}

    def __post_init__(self) -> None:
        for name in (self.type, *self.types.values()):
            if name is not None and name not in EVENT_TYPES:
                raise ValueError(f"type {name!r} is not one of {', '.join(EVENT_TYPES)}")
        if self.type is not None and self.types:
            raise ValueError("type and types exclude each other")
        if not self.type_field or "." in self.type_field:
            raise ValueError(f"type_field must be a name without dots, was {self.type_field!r}")
        self._check_fields()
        if self.side:
            self._check_side()

    def _check_fields(self) -> None:
        known = {info.name for kind in EVENT_TYPES.values() for info in fields(kind)}
        for table, names in (("fields", self.fields), ("defaults", self.defaults)):
            for name in names:
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    hint = f"did you mean {near[0]!r}?" if near else ", ".join(sorted(known))
                    raise ValueError(f"{table}.{name}: no event has such a field; {hint}")
        for name, path in self.fields.items():
            if not all(path.split(".")):
                raise ValueError(f"fields.{name} = {path!r} is not a path of names")

    def _check_side(self) -> None:
        for side in ("buy", "sell"):
            if not self.side.get(side):
                raise ValueError(f"side.{side} needs at least one spelling")
        spellings = [s for side in self.side.values() for s in side]
        for spelling in spellings:
            if spellings.count(spelling) > 1:
                raise ValueError(f"side spelling {spelling!r} is given twice")
        if len({isinstance(s, bool) for s in spellings}) > 1:
            raise ValueError(f"side spellings are all booleans or none, were {spellings}")


class Schema:
    """Decodes one topic's values and reads columns from what was decoded.

    contract_first: whether a value that names its type in the contract's way is read in the
    contract's form before the mapping is tried.
    """

    def __init__(self, mapping: TopicMapping | None = None) -> None:
        self.mapping = mapping
        self.contract_first = mapping is not None and (
            mapping.type is not None or mapping.type_field != "type"
        )
        self._paths: dict[str, str] = {}
        self._side_codes: dict[SideSpelling, int] = {"buy": 0, "sell": 1}
        if mapping is None:
            self._ns_per_unit = 1
            union: Any = Event
        else:
            self._ns_per_unit = NS_PER_UNIT[mapping.ts_unit]
            for side, spellings in mapping.side.items():
                self._side_codes |= dict.fromkeys(spellings, self._side_codes[side])
            union = Union[tuple(self._struct(name, tag) for name, tag in _tags(mapping))]  # noqa: UP007 - made at run time
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            union, strict=mapping is None
        )

    def ts_ns(self, events: Sequence[Any]) -> NDArray[np.int64]:
        """Venue time of each event, (n,) nanoseconds."""
        values = map(self.getter("ts"), events)
        if self._ns_per_unit == 1:
            return np.fromiter(values, np.int64, len(events))
        return self._in_ns(list(values))

    def index_ts_ns(self, events: Sequence[Any]) -> NDArray[np.int64]:
        """When each mark's index price was made, (n,) nanoseconds; 0 where that is not told."""
        return self._in_ns([ts or 0 for ts in map(self.getter("index_ts"), events)])

    def _in_ns(self, times: Sequence[int | float]) -> NDArray[np.int64]:
        """Times in the venue's unit as nanoseconds."""
        column = np.array(times)
        if column.dtype == np.int64:
            return column * self._ns_per_unit
        # Whole units are kept apart: a float has not the digits for both.
        whole = np.fromiter(map(int, times), np.int64, len(times))
        fraction_ns = np.rint((column - whole) * self._ns_per_unit)
        return whole * self._ns_per_unit + np.asarray(fraction_ns, dtype=np.int64)

    def getter(self, name: str) -> "attrgetter[Any]":
        """Reads a contract field from any event that this schema decoded."""
        return attrgetter(self._paths.get(name, name))

    def place(self, name: str) -> str:
        """Where a contract field stands in the venue's JSON, as decoding errors put it."""
        return f"$.{name if self.mapping is None else self.mapping.fields.get(name, name)}"

    def number(self, name: str, events: Sequence[Any]) -> NDArray[np.float64]:
        """A numeric column, (n,); NaN where an optional value is absent."""
        return np.array(list(map(self.getter(name), events)), dtype=np.float64)

    def side(self, events: Sequence[Any]) -> NDArray[np.int8]:
        """Side of each event, (n,): 0 buy, 1 sell."""
        spelled = map(self.getter("side"), events)
        return np.fromiter(map(self._side_codes.__getitem__, spelled), np.int8, len(events))

    def finite(self, events: Sequence[Any]) -> bool:
        """Whether all required numbers are finite: only strings that name NaN can break it."""
        if self.mapping is None:
            return True
        by_code: dict[int, list[Any]] = {}
        for event in events:
            by_code.setdefault(event.code, []).append(event)
        return all(
            bool(np.isfinite(self.number(name, rows)).all())
            for code, rows in by_code.items()
            for name in _required_numbers(code)
        )

    def _struct(self, event_type: str, tag: str | None) -> type[Struct]:
        """The venue's struct for one event type, with a nested struct for each dotted path."""
        assert self.mapping is not None
        event = EVENT_TYPES[event_type]
        hints = get_type_hints(event, include_extras=True)
        tree: dict[str, Any] = {}
        namespace: dict[str, Any] = {"code": Kind[event_type.upper()].value}
        for info in fields(event):
            if tag is not None and self._place_is_the_tags(info):
                namespace[info.name] = info.default
                continue
            kind = self._type(info.name, hints)
            self._plant(tree, info.name, (kind, self._default(info, kind)))
        if "account" not in event.__struct_fields__:
            self._plant(tree, "account", (str | int | None, None))  # read from every event alike
        options: dict[str, Any] = {"namespace": namespace}
        if tag is not None:
            options |= {"tag": tag, "tag_field": self.mapping.type_field}
        return _build(event.__name__, tree, **options)

    def _plant(self, tree: dict[str, Any], name: str, leaf: tuple[Any, Any]) -> None:
        """Put a contract field where the venue keeps it."""
        assert self.mapping is not None
        path = self.mapping.fields.get(name, name).split(".")
        self._paths[name] = ".".join(f"v_{_attribute(part)}" for part in path)
        for part in path[:-1]:
            tree = tree.setdefault(part, {}) if isinstance(tree, dict) else tree
        if not isinstance(tree, dict) or path[-1] in tree:
            place = ".".join(path)
            raise ValueError(f"fields: {place!r} for {name!r} collides with another field")
        tree[path[-1]] = leaf

    def _place_is_the_tags(self, info: FieldInfo) -> bool:
        """Whether a field stands where the venue tells types apart; an optional one gives way."""
        assert self.mapping is not None
        place = self.mapping.fields.get(info.name, info.name)
        if place != self.mapping.type_field:
            return False
        if info.required or info.name in self.mapping.fields:
            raise ValueError(f"fields: {place!r} for {info.name!r} is the type_field too")
        return True

    def _default(self, info: FieldInfo, kind: Any) -> Any:
        """The value for a record that lacks a field, of the type that the field has."""
        assert self.mapping is not None
        if info.name not in self.mapping.defaults:
            return info.default
        value = self.mapping.defaults[info.name]
        if info.name == "side" and value in self._side_codes:
            return value
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError:
            raise ValueError(f"defaults.{info.name} = {value!r} does not fit the field") from None

    def _type(self, name: str, hints: dict[str, Any]) -> Any:
        assert self.mapping is not None
        if name in ("ts", "index_ts"):
            most = (2**63 - 1) // self._ns_per_unit
            most -= self._ns_per_unit > 1  # room for a fraction
            time: Any = Annotated[int, Meta(ge=1, le=most)]
            if self._ns_per_unit > 1:
                time = time | Annotated[float, Meta(ge=1, le=most)]
            return time if name == "ts" else time | None
        if name == "side" and self.mapping.side:
            spellings = [s for side in self.mapping.side.values() for s in side]
            if all(isinstance(s, bool) for s in spellings):
                return bool
            return Literal[tuple(spellings)]
        return hints[name] | int if name in NUMBERED else hints[name]


def _tags(mapping: TopicMapping) -> list[tuple[str, str | None]]:
    """The event types a topic may carry, each with the tag that tells it apart."""
    if mapping.type is not None:
        return [(mapping.type, None)]
    if mapping.types:
        return [(event_type, spelling) for spelling, event_type in mapping.types.items()]
    return [(name, name) for name in EVENT_TYPES]


def _build(name: str, tree: dict[str, Any], **options: Any) -> type[Struct]:
    """A struct whose encoded names are the tree's keys; inner dicts become nested structs."""
    columns: list[tuple[str, Any, Any]] = []
    for key, node in tree.items():
        if isinstance(node, dict):
            inner = _build(f"{name}_{_attribute(key)}", node)
            optional = not any(info.required for info in fields(inner))
            columns.append(
                (
                    f"v_{_attribute(key)}",
                    inner,
                    msgspec.field(name=key, default_factory=inner)
                    if optional
                    else msgspec.field(name=key),
                )
            )
        else:
            column_type, default = node
            columns.append(
                (
                    f"v_{_attribute(key)}",
                    column_type,
                    msgspec.field(name=key)
                    if default is NODEFAULT
                    else msgspec.field(name=key, default=default),
                )
            )
    return defstruct(name, columns, gc=False, kw_only=True, **options)


def _attribute(part: str) -> str:
    """A venue's field name as a Python identifier, without collisions."""
    return "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in part)


def _required_numbers(code: int) -> list[str]:
    event = EVENT_TYPES[Kind(code).name.lower()]
    hints = get_type_hints(event)
    return [
        info.name
        for info in fields(event)
        if info.default is NODEFAULT and hints[info.name] is float
    ]
