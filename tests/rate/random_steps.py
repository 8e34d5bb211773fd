"""Random settlements with any of their steps, as TOML text, and random fees that change late."""

from __future__ import annotations

import json

from hypothesis import strategies as st

WEIGHTS = {"A": 7, "B": 3}
RELEASES = ((1, "days"), (90, "days"), (1, "periods"), (2, "periods"), (7, "banking_days"))
BANKING_DAYS = """[settlement.banking_days]
weekend = ["friday", "saturday"]
holidays = [2009-02-01, 2009-02-10, 2009-02-11, 2009-04-30]"""
AMOUNTS = st.integers(-30_000, 60_000)


def fees(months: int) -> st.SearchStrategy[list[list[int]]]:
    """What each month's fee comes to as known at the close of each month: most stay, some change late."""
    late = st.one_of(st.just(0), st.just(0), st.integers(-9_000, 9_000))

    @st.composite
    def made(draw: st.DrawFn) -> list[list[int]]:
        known: list[list[int]] = []
        for number in range(months):
            earlier = [amount + draw(late) for amount in known[-1]] if number else []
            known.append([*earlier, draw(AMOUNTS)])
        return known

    return made()


@st.composite
def settlements(draw: st.DrawFn) -> str:
    """The text of a settlement with any of its steps."""
    order = ["terms", "adjustments", "split", "carry"]
    tables = []
    adjustments = ['clause = "1"', f'booked_in = "{draw(st.sampled_from(("current_period", "original_period")))}"']
    adjustments.append('recomputes = "all_terms"')
    if draw(st.booleans()):
        within, unit = draw(st.sampled_from(((1, "months"), (3, "months"), (20, "days"), (70, "days"))))
        adjustments.append(f'reopens = {{ within = {within}, counted_in = "{unit}", later = "parked" }}')
    else:
        adjustments.append('reopens = { counted_in = "no_limit" }')
    if draw(st.booleans()):
        count = draw(st.sampled_from(("actual_365", "actual_360", "thirty_360")))
        said = f'rate_a_year = 0.18, day_count = "{count}", due_days = {draw(st.integers(0, 60))}'
        said += draw(st.sampled_from((', due_counted_in = "days"', ', due_counted_in = "banking_days"')))
        adjustments.append(f'interest = {{ clause = "1", {said}, rounding = "half_away" }}')
    tables.append("[settlement.adjustments]\n" + "\n".join(adjustments))
    if draw(st.booleans()):
        order.append("recoup")
        days = st.sampled_from(("2008-12-31", "2009-01-01", "2009-02-14", "2009-04-30"))
        one = st.builds(
            lambda on, amount, to: f'{{ on = {on}, amount = {amount}, to = "{to}" }}',
            days,
            st.integers(1, 500),
            st.sampled_from(sorted(WEIGHTS)),
        )
        paid = ", ".join(draw(st.lists(one, min_size=1, max_size=3)))
        recoups = draw(st.sampled_from(("own", "pool")))
        said = f'clause = "1"\nrecouped = "from_positive_balance"\nrecoups = "{recoups}"\npaid = [{paid}]'
        tables.append(f"[settlement.advance]\n{said}")
    if draw(st.booleans()):
        order.append("tax")
        tables += draw(taxes(recoups="recoup" in order))
    if draw(st.booleans()):
        order.append("hold")
        tables += draw(holds())
    if any("banking_days" in table for table in tables):
        tables.append(BANKING_DAYS)
    listed = ", ".join(f'"{step}"' for step in (*order, "threshold"))
    rest = f'order = [{listed}]\nresidue = "largest_remainder"\nthreshold = {draw(st.integers(0, 200))}.00'
    return f'[settlement]\nclause = "1"\n{rest}\nbelow_threshold = "carry"\n\n' + "\n\n".join(tables) + "\n"


@st.composite
def taxes(draw: st.DrawFn, *, recoups: bool) -> list[str]:
    """One tax without a name, or several with, some of them on one term or after others."""
    several, found, of_one_line = draw(st.booleans()), list[str](), list[str]()
    for number in range(draw(st.integers(2, 4)) if several else 1):
        kind = draw(st.sampled_from(("withholding", "gross_up", "value_added")))
        owing = draw(st.sampled_from(("payer", "beneficiary"))) if kind == "value_added" else "payer"
        said = f'clause = "1"\nkind = "{kind}"\nrate = 0.{draw(st.integers(1, 49)):02}\nbeneficiaries = ["A"]\n'
        said += f'owed_by = "{owing}"\nowed_to = "Revenue"\nrounding = "half_away"'
        of: tuple[str, ...] = ()
        if several:
            after = [name for name in of_one_line if draw(st.booleans())]
            said += f'\nid = "t{number}"' + (f"\nafter = {json.dumps(after)}" if after else "")
            of = draw(st.sampled_from(((), ("fee",), ("extra",), ("extra", "fee"))))
            said += f"\nof = {json.dumps(of)}" if of else ""
            of_one_line += [f"t{number}"] * (kind == "withholding" or owing == "beneficiary")
        on_all = draw(st.booleans()) or (of and recoups)
        said += f'\non = "{"earned" if on_all else "earned_and_not_recouped"}"'
        found.append(f"[[settlement.taxes]]\n{said}")
    return found


@st.composite
def holds(draw: st.DrawFn) -> list[str]:
    """One hold of everybody, or several with names."""
    several, found, of_a = draw(st.booleans()), list[str](), False
    for number in range(draw(st.integers(1, 3)) if several else 1):
        share = draw(st.sampled_from(("1", "0.15", "0.333")))
        after, unit = draw(st.sampled_from(RELEASES))
        kind = draw(st.sampled_from(("holdback", "reserve")))
        said = f'clause = "1"\nkind = "{kind}"\nshare = {share}\nreleased_after = {after}\ncounted_in = "{unit}"'
        said += '\nrounding = "half_away"'
        if several:
            said += f'\nid = "h{number}"' + (f'\nafter = ["h{number - 1}"]' * (number > 0 and draw(st.booleans())))
            # What comes after a hold of A alone is of A alone too.
            of_a = of_a or draw(st.booleans())
        said += '\nbeneficiaries = ["A"]' if of_a else '\nbeneficiaries = ["A", "B"]'
        found.append(f"[{'[settlement.holds]' if several else 'settlement.hold'}]\n{said}")
    return found
