"""A correct plan of a freely routed pool, worked on paper; curves as in `tests.verify.hand`."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Certificate, Group, Plan, ProvenanceShare, SitePlan, Totals
from tests.verify.hand import TP2, hand_inputs, mixed_pool


def routed_pool() -> tuple[Plan, Inputs]:
    """One pool of both buckets on TP2 at 2000 MHz, derate 0.2, each bucket on an instance of its own; window 2 is idle.

    An instance holds 0.8 x 4 = 3.2 of SA alone, or 0.8 x 0.75 = 0.6 of LA alone, and draws there 200 + 200 x 3.2 = 840 W and
    200 + 400 x 0.6 = 440 W. IT watts: 1280 + 400 + 0 + 30 + 20 = 1730 twice, then 200 + 400 + 100 + 30 + 20 = 750. The second window
    serves half of it: SA at 1.6 draws 520 W, LA at 0.3 draws 320 W, in all 840 + 450 = 1290 W.
    """
    plan, _ = mixed_pool()
    rates = [[3.2, 0.6], [1.6, 0.3], [0.0, 0.0]]
    inputs = hand_inputs(rates, [rates[0], rates[0], rates[2]], pools="single", routing="free", min_instances=1)
    routed = replace(
        plan,
        # 2.262 + 0.5 x 10.1551 + 2 x 0.7089
        certificate=Certificate(8.75735, 8.75735, 0.0, "compact", "on paper"),
        # IT: 0.865 + 0.645 + 0.375; facility: x 1.2
        totals=Totals(2.262, 1.885, 0.7089, 10.1551, 5.0, 2.076, 4, 0.0, 0),
        groups=(
            Group(0, "chat/all", TP2, 1, 2000.0, 3.2, 1.0, 840.0, (3.2, 0.0)),
            Group(0, "chat/all", TP2, 1, 2000.0, 0.6, 1.0, 440.0, (0.0, 0.6)),
            Group(1, "chat/all", TP2, 1, 2000.0, 1.6, 0.5, 520.0, (1.6, 0.0)),
            Group(1, "chat/all", TP2, 1, 2000.0, 0.3, 0.5, 320.0, (0.0, 0.3)),
            Group(2, "chat/all", TP2, 1, 2000.0, 0.0, 0.0, 200.0, (0.0, 0.0)),
        ),
        sites=(
            SitePlan(
                "hall",
                (0.865, 0.645, 0.375),
                (1.038, 0.774, 0.45),
                (0.519, 0.0774, 0.1125),  # 0.5, 0.1, 0.25 kg/kWh
                (4.1038, 3.9613, 2.09),  # 0.1, -0.05, 0.2 USD/kWh, and 4, 4, 2 for GPU-hours
            ),
        ),
        # SA is measured, as is the idle instance: of two rows of 200 W the first bucket's; LA is composed.
        provenance=(ProvenanceShare("measured", 1560 / 2320), ProvenanceShare("composed", 760 / 2320)),
    )
    return routed, inputs
