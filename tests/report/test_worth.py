"""What limits are worth and what runners-up cost, in words."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.report.worth import runners_up, single_kinds, worth
from dynamo_plan.schema.alternative import Alternative
from dynamo_plan.schema.plan import ShadowPrice
from dynamo_plan.schema.scenario import ObjectiveName
from tests.emit.sample import TP2, TP8, sample_plan

ENERGY = {ObjectiveName.ENERGY: 1.0}
STOCK = ShadowPrice("gpu_stock", "site-a/h100", "GPU", (0, 2), (0.5, 1.9))


def test_one_window() -> None:
    price = replace(STOCK, windows=(2,), saving=(1.9,))
    assert worth(sample_plan(), price, ENERGY) == (
        "gpu_stock at site-a/h100: one more GPU would save up to 1.90 kWh at 2024-05-14 02:00"
    )


def test_several_windows_the_best_first() -> None:
    assert worth(sample_plan(), STOCK, {ObjectiveName.COST: 1.0}) == (
        "gpu_stock at site-a/h100: one more GPU would save up to 2.40 USD over the horizon: "
        "1.90 USD at 2024-05-14 02:00, 0.5000 USD at 2024-05-14 00:00"
    )


def test_a_blend_has_no_unit_and_few_windows_are_named() -> None:
    price = ShadowPrice("power_cap", "site-a", "kW", (0, 1, 2, 3), (1.0, 1.0, 2.0, 4.0))
    assert worth(sample_plan(), price, {ObjectiveName.COST: 1.0, ObjectiveName.CARBON: 0.2}) == (
        "power_cap at site-a: one more kW would save up to 8.00 of the objective over the horizon: 4.00 of the objective at "
        "2024-05-14 03:00, 2.00 of the objective at 2024-05-14 02:00, 1.00 of the objective at 2024-05-14 00:00, the rest in 1 more window"
    )


def alternatives() -> list[Alternative]:
    return [
        Alternative("chat/SS", "chat", (TP8,), TP2, 10.0, 1.9),
        Alternative("chat/SS", "chat", (TP2,), None, 10.0, 0.0),
        Alternative("chat/SS", "chat", (TP8,), None, 10.0, None),
        Alternative("chat/LL", "chat", (TP2,), None, 40.0, 3.0),
        Alternative("chat/LL", "chat", (TP8,), None, 40.0, 1.0),
        Alternative("code/SS", "code", (TP8,), None, 5.0, 0.0),
    ]


def test_runners_up() -> None:
    assert runners_up(alternatives(), ENERGY) == [
        f"chat/SS: without {TP2} +1.90 kWh (+19.0 %); only {TP2} 0 kWh (0.0 %), only {TP8} cannot serve it",
        f"chat/LL: only {TP2} +3.00 kWh (+7.5 %), only {TP8} +1.00 kWh (+2.5 %)",
        f"code/SS: {TP8} is its only kind",
        f"chat, one kind for all pools: only {TP2} +3.00 kWh (+6.0 %)",
    ]


def test_one_kind_for_all_pools_needs_all_pools() -> None:
    chat = [one for one in alternatives() if one.service == "chat"]
    assert single_kinds(chat) == {TP2: (50.0, 3.0)}
    assert single_kinds(chat[:3]) == {}
