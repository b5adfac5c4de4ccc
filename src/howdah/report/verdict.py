"""
The one sentence that a person wants first: is everything there, and is it proven?

Pure; text and HTML say the same because both ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from howdah.errors import ExitStatus
from howdah.model.orphans import CORRECTING
from howdah.model.report import ProofStatus, RunReport
from howdah.report.digest import count_differences
from howdah.units import format_amount


class Tone(StrEnum):
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    #: One or two words: "Proven", "Different".
    word: str
    sentence: str
    tone: Tone


def judge(report: RunReport) -> Verdict:
    """Return the verdict on a run; the exit status decides, the numbers fill the sentence."""
    tables = format_amount(len(report.tables), "table")
    set_aside = report.rows_quarantined
    match report.exit_status:
        case ExitStatus.OK:
            return _judge_success(report)
        case ExitStatus.DIFFERENT:
            where = {difference.table for difference in report.differences if difference.table}
            where |= {
                table.name
                for table in report.tables
                if table.proof and table.proof.status is ProofStatus.DIFFERENT
            }
            count = count_differences(report)
            found = format_amount(count, "difference") if count else "differences"
            place = f" in {format_amount(len(where), 'table')}" if where else ""
            return Verdict(word="Different", sentence=f"The two sides differ: {found}{place}.", tone=Tone.BAD)
        case ExitStatus.QUARANTINED:
            rows = format_amount(set_aside, "row")
            verb = "is" if set_aside == 1 else "are"
            return Verdict(
                word="Rows set aside",
                sentence=f"{rows} could not be carried and {verb} kept in quarantine{_rest(report)}.",
                tone=Tone.CAUTION,
            )
        case ExitStatus.UNPROVEN:
            return Verdict(
                word="Not proven",
                sentence=f"{tables} were copied, and nothing has been verified.",
                tone=Tone.CAUTION,
            )
        case ExitStatus.INTERRUPTED:
            return Verdict(
                word="Interrupted",
                sentence="The run stopped half-way. The same command picks up where it was.",
                tone=Tone.CAUTION,
            )
        case ExitStatus.REFUSED:
            return Verdict(word="Refused", sentence="Nothing was changed.", tone=Tone.BAD)
        case ExitStatus.INTEGRITY:
            return Verdict(
                word="Damaged source", sentence="The source could not be read to its end.", tone=Tone.BAD
            )
        case ExitStatus.ENVIRONMENT:
            return Verdict(
                word="Failed",
                sentence="The server, the network or a disk failed. Trying again may work.",
                tone=Tone.BAD,
            )
        case _:
            return Verdict(word=report.status.capitalize() or "Failed", sentence="See below.", tone=Tone.BAD)


def _judge_success(report: RunReport) -> Verdict:
    if not report.tables:
        return Verdict(
            word="Nothing to carry", sentence="The source holds no tables: it is empty.", tone=Tone.GOOD
        )
    carried = [table for table in report.tables if table.carried]
    rows = format_amount(sum(table.rows_source for table in carried), "row")
    tables = format_amount(len(carried), "table")
    if report.verification == "comparison":
        return Verdict(
            word="Equal",
            sentence=f"All {rows} of {tables} were read from both sides and are equal. This is a comparison: "
            f"it is tied to no snapshot.{_kept(report)}",
            tone=Tone.GOOD,
        )
    return Verdict(
        word="Proven",
        sentence=f"All {rows} of {tables} were read from both sides, and {_lost(report)}.{_kept(report)}",
        tone=Tone.GOOD,
    )


def _lost(report: RunReport) -> str:
    left_out = sum(table.values_changed.get(CORRECTING["delete"], 0) for table in report.tables)
    if not left_out:
        return "nothing was lost"
    verb = "was" if left_out == 1 else "were"
    return f"nothing else was lost: {format_amount(left_out, 'orphan')} {verb} left out, as you asked"


def _kept(report: RunReport) -> str:
    kept = [table for table in report.tables if not table.carried]
    if not kept:
        return ""
    verb = "keeps its" if len(kept) == 1 else "keep their"
    left = format_amount(sum(table.rows_source for table in kept), "row")
    return f" {format_amount(len(kept), 'table')} {verb} own rows: {left} of the source not carried."


def _rest(report: RunReport) -> str:
    proven = bool(report.tables) and all(
        table.proof is not None and table.proof.status is ProofStatus.PROVEN
        for table in report.tables
        if table.carried
    )
    return "; every other row is proven" if proven else ""
