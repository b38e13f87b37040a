"""The whole of `profile fit`: rows at the targets, errors recorded, rates guarded."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.profile.fit.accuracy import accuracies_of, error_columns, every_held_out
from dynamo_plan.profile.fit.guard import guards
from dynamo_plan.profile.fit.tabulate import Tabulated, Target, tabulate_at, with_guard
from dynamo_plan.schema.profile import ProfileTable


def fitted_profile(table: ProfileTable, target: Target, guard: float | None = None) -> Tabulated:
    """A profile at the target, with its prediction errors.

    Parameters
    ----------
    guard : float, optional
        Quantile of the errors of rates by which all rates are lowered [1]; without it they stay.

    Raises
    ------
    InputError
        Nothing at the target can be had from what was measured, or a guard is asked of a profile that cannot be tested.
    """
    found = tabulate_at(table, target)
    if not len(found.table):
        why = "; ".join(found.notes) or "it has no loaded row that was not interpolated itself"
        raise InputError(
            Fault(
                "fit-outside",
                table.path,
                f"no row can be had at the lengths and clocks asked for ({why})",
                "Lengths lie inside those measured; other clocks take rows at two",
                "Ask for others, or measure there",
            )
        )
    tested = every_held_out(table)
    fitted = found.table
    if guard is not None:
        shares = guards(tested, guard)
        if not shares:
            raise InputError(
                Fault(
                    "fit-no-guard",
                    table.path,
                    "no clock can be left out and predicted, so that no error is known",
                    "A guard takes rows at three clocks or more of a kind",
                    "Leave --guard out, or measure more clocks",
                )
            )
        fitted = with_guard(fitted, shares)
        found = replace(found, notes=(*found.notes, *_unguarded(fitted, shares)))
    recorded = error_columns(fitted, accuracies_of(table, tested))
    return replace(found, table=replace(fitted, errors=recorded or None))


def _unguarded(table: ProfileTable, shares: dict[tuple[str, str], float]) -> list[str]:
    """Kinds whose rates stay as they are, because none of their clocks can be left out and predicted."""
    return [
        f"{model} {kind}: rates are not lowered, its prediction error is not known; a guard takes rows at three clocks or more"
        for model in table.models()
        for kind in table.kinds()
        if table.rows_of(model, kind).any() and (model, str(kind)) not in shares
    ]
