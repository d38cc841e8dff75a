"""What a re-ranking over blocks costs on some machines, as a table: see ``describe``."""

from __future__ import annotations

from dataclasses import replace

from sameplayer.errors import SettingError
from sameplayer.ranking.config import MOST_NEIGHBOURS
from sameplayer.scale.rates import Rates
from sameplayer.scale.stage_cost import STAGES, Stage
from sameplayer.scale.traffic import ring_traffic, stored_traffic, striped_traffic
from sameplayer.scale.workload import Fleet, Size, rows_bytes

GROUP = 4  # blocks of a stripe, in the line that says what another order would save
COLUMNS = (
    f"{'stage':<8}{'tasks':>9}{'operations':>12}{'core hours':>13}{'workers':>9}{'time':>11}"
    f"{'read GB':>12}{'kept GB':>12}{'worker GB':>11}  rests on"
)


def stages_of(size: Size, rates: Rates) -> dict[str, Stage]:
    """Return what each stage takes.

    Raises SettingError for rows of another number of columns than those that were measured.
    """
    if size.columns != rates.columns:
        raise SettingError("columns", size.columns, f"{rates.columns}, as the rates were measured")
    return {name: stage(size, rates) for name, stage in STAGES.items()}


def most_rows(size: Size, fleet: Fleet, rates: Rates) -> int:
    """Return the most rows, in blocks of as many as here, with which a worker fits a machine."""
    block = max(1, round(size.block))

    def fits(rows: int) -> bool:
        larger = replace(size, rows=rows, blocks=-(-rows // block))
        return all(stage.workers(fleet) for stage in stages_of(larger, rates).values())

    least, most = 0, MOST_NEIGHBOURS
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


def price_of(seconds: float, fleet: Fleet, rows: int) -> tuple[float, float]:
    """Return the price of all machines for so long: of the whole, and of a million crops."""
    whole = seconds / 3600 * fleet.machines * fleet.cores * fleet.price
    return whole, whole / rows * 1e6


def describe(size: Size, fleet: Fleet, rates: Rates) -> str:
    """Return a table of what each stage takes, the traffic, the money, and where it ends.

    Each line names the rates that it rests on. Raises SettingError as ``stages_of`` does.
    """
    stages = stages_of(size, rates)
    lines = [
        f"{size.rows:,} rows x {size.columns} in {size.count} blocks; k1 {size.k1}, k2 {size.k2}, "
        f"top {size.top}",
        f"assumed: {size.nonzeros:g} non-zeros a row, {size.averaged:g} after the mean, "
        f"{size.picture / 1e3:g} kB a picture",
        f"assumed: {fleet.machines} machines of {fleet.cores} cores and {fleet.memory:g} GB, "
        f"{fleet.gigabits:g} Gbit/s each; storage {fleet.storage:g} Gbit/s; "
        f"{fleet.price:g} a core hour",
        "measured on one core: "
        + ", ".join(_rate(name, rates) for name in _rests(stages))
        + f"; a process {rates.process / 1e9:.2f} GB",
        "",
        COLUMNS,
        *(_line(stage, fleet) for stage in stages.values()),
        "",
        *_traffic_lines(size, fleet),
        *_money_lines(stages, size, fleet),
        *_limit_lines(stages, size, fleet, rates),
    ]
    return "\n".join(lines)


def _rests(stages: dict[str, Stage]) -> list[str]:
    return list(dict.fromkeys(name for stage in stages.values() for name in stage.rests))


def _rate(name: str, rates: Rates) -> str:
    return f"{name} {getattr(rates, name):.3g}/s"


def _line(stage: Stage, fleet: Fleet) -> str:
    return (
        f"{stage.name:<8}{stage.tasks:>9,}{stage.operations:>12.2g}"
        f"{stage.computed / 3600:>13,.1f}{stage.workers(fleet) * fleet.machines:>9,}"
        f"{duration(stage.seconds(fleet)):>11}{stage.read / 1e9:>12,.0f}"
        f"{stage.written / 1e9:>12,.1f}{stage.memory / 1e9:>11.1f}  {', '.join(stage.rests)}"
    )


def duration(seconds: float) -> str:
    """Return a time in words: 12 s, 3.4 min, 5.6 h, 7.8 d, 9.0 years; never where infinite."""
    if seconds == float("inf"):
        return "never"
    for unit, length, most in (
        ("s", 1, 100),
        ("min", 60, 6000),
        ("h", 3600, 360_000),
        ("d", 86_400, 63e6),
    ):
        if seconds < most:
            return f"{seconds / length:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 31_557_600:,.1f} years"


def _traffic_lines(size: Size, fleet: Fleet) -> list[str]:
    """Return what the rows that meet in lists cost to move: by formula alone, no rate."""
    block = round(rows_bytes(size, size.block))
    sizes = [block] * size.count
    stored = stored_traffic(sizes) / 1e9
    striped = striped_traffic(sizes, GROUP) / 1e9
    share = round(rows_bytes(size, size.rows) / fleet.machines)
    moved = ring_traffic([share] * fleet.machines)
    link = fleet.gigabits / 8
    return [
        "rows that travel so that each meets each (formulas, no rate):",
        f"  from storage, each task its own two blocks: {stored:,.0f} GB, "
        f"{stored / fleet.machines:,.0f} into a machine; two blocks a worker",
        f"  from storage, one machine in stripes of {GROUP} with {GROUP + 2} blocks kept: "
        f"{striped:,.0f} GB",
        f"  round a ring: {sum(moved.taken) / 1e9:,.0f} GB, {moved.taken[0] / 1e9:,.1f} into a "
        f"machine and out of it, {duration(moved.taken[0] / 1e9 / link)} of its link; "
        f"{2 * share / 1e9:,.1f} GB a machine",
        f"  broadcast: the same bytes; {rows_bytes(size, size.rows) / 1e9:,.1f} GB a machine",
    ]


def _money_lines(stages: dict[str, Stage], size: Size, fleet: Fleet) -> list[str]:
    embed = stages["embed"].seconds(fleet)
    rerank = sum(one.seconds(fleet) for one in stages.values()) - embed
    lines = []
    for what, seconds in ((f"embed with {size.encoder}", embed), ("re-rank", rerank)):
        if seconds == float("inf"):
            lines.append(f"{what}: cannot run on these machines, see below")
            continue
        whole, million = price_of(seconds, fleet, size.rows)
        lines.append(
            f"{what}: {duration(seconds)} of all machines, price {whole:,.2f}, {million:,.4f} a "
            f"million crops (the times above, {fleet.price:g} a core hour assumed)"
        )
    return lines


def _limit_lines(stages: dict[str, Stage], size: Size, fleet: Fleet, rates: Rates) -> list[str]:
    lines = [
        f"{stage.name}: a worker needs {stage.memory / 1e9:,.0f} GB; a machine has "
        f"{fleet.memory:g}: it cannot run (formula of memory, rate process)"
        for stage in stages.values()
        if not stage.workers(fleet)
    ]
    most = most_rows(size, fleet, rates)
    lines.append(
        f"blocks of {round(size.block):,} rows fit these machines up to {most:,} rows "
        "(formula of memory, rate process)"
    )
    return lines
