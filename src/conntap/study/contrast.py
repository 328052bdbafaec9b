"""A stage against one of its controls, or against a stage that measures stored draws of a null model."""

from __future__ import annotations

import pandas as pd

from conntap.errors import StoreError, unknown
from conntap.store import Store
from conntap.store.drawn import against

__all__ = ["against", "contrasted", "lacking"]


def contrasted(store: Store, stage: str, name: str) -> pd.DataFrame:
    """The statistics of a stage against one of its controls, or against the stage of that name.

    Raises
    ------
    StoreError
        It is neither, or `against` refuses it.
    """
    dataset = store[stage]
    done, units = _finished(store, stage, name)
    if units and not done:
        raise StoreError(f"{stage}: none of the {units} draws of {name} is done. Look at `tap status`.")
    controls = [str(each) for each in dataset.cases.get("control", pd.Series(dtype="object")).dropna().unique()]
    if name in controls and name != "original":
        return dataset.against(name)
    others = [each for each in store if each != stage]
    if name not in others:
        names = [*(each for each in controls if each != "original"), *others]
        raise StoreError(unknown(stage, "control or stage", name, names))
    return against(dataset, store[name])


def lacking(store: Store, stage: str, name: str) -> list[str]:
    """What `contrasted` could not take in because it is not there: a sentence, or nothing."""
    done, units = _finished(store, stage, name)
    if done == units:
        return []
    return [f"{done} of {units} draws of {name} are done; the rest failed or is missing, see `tap status`."]


def _finished(store: Store, stage: str, name: str) -> tuple[int | None, int | None]:
    """How many units of a control, or of another stage, are done, and how many there are to be; None where a store does
    not say."""
    by_control = store[stage].attrs.get("control_units") or {}
    if name in by_control:
        done, units = by_control[name]
        return done, units
    if name == stage or name not in list(store):
        return None, None
    about = store[name].attrs
    return about.get("units_done"), about.get("units")
