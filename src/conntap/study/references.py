"""References to values of other stages among the options of a stage, also deep within lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conntap.study.entries import Reference

__all__ = ["filled", "is_reference", "marked", "references_in"]


def is_reference(value: Any) -> bool:
    """Whether a document's value within an option says `{from: stages.NAME}`."""
    return isinstance(value, dict) and value.keys() == {"from"} and str(value["from"]).startswith("stages.")


def references_in(options: Mapping[str, Any]) -> dict[str, Reference]:
    """Every reference by its place, the parts joined by dots.

    Examples
    --------
    >>> references_in({"mask": Reference("a"), "recipe": [{"do": "x", "mask": Reference("b")}]})
    {'mask': Reference(stage='a'), 'recipe.0.mask': Reference(stage='b')}
    """
    found: dict[str, Reference] = {}
    _mapped(dict(options), "", lambda place, each: found.setdefault(place, each))
    return found


def marked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a mark where a reference within one of them is; options that are one themselves are left out.

    Examples
    --------
    >>> marked({"mask": Reference("a"), "recipe": [{"mask": Reference("b")}]})
    {'recipe': [{'mask': {'from': 'recipe.0.mask'}}]}
    """
    inside = {name: value for name, value in options.items() if not isinstance(value, Reference)}
    return _mapped(inside, "", lambda place, _: {"from": place})


def filled(options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options with values by place where `marked` left marks, and those that are references themselves.

    Examples
    --------
    >>> filled({"recipe": [{"mask": {"from": "recipe.0.mask"}}]}, {"recipe.0.mask": 1, "rate": 2})
    {'recipe': [{'mask': 1}], 'rate': 2}
    """

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"from"} and value["from"] in values:
                return values[value["from"]]
            return {key: put(each) for key, each in value.items()}
        return [put(each) for each in value] if isinstance(value, list) else value

    deep = any("." in place for place in values)
    return {**(put(dict(options)) if deep else options), **{name: v for name, v in values.items() if "." not in name}}


def _mapped(value: Any, place: str, change: Callable[[str, Reference], Any]) -> Any:
    """A value with every reference in it changed."""
    if isinstance(value, Reference):
        return change(place, value)
    start = f"{place}." if place else ""
    if isinstance(value, dict):
        return {key: _mapped(each, f"{start}{key}", change) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, f"{start}{number}", change) for number, each in enumerate(value)]
    return value
