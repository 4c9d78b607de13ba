"""`p2pd import`: a file's records go to the daemon in batches; faults come back to the lines they were on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from p2pd_daemon.core.export import encode_base64
from p2pd_daemon.core.export_check import ExportCheck, Fault

from p2pd_cli.call import ask
from p2pd_cli.export_files import FaultList, checked_lines
from p2pd_cli.failures import CliError
from p2pd_cli.output import note

BATCH_RECORDS = 500
BATCH_BYTES = 262_144  # of records; a larger one goes alone
GONE_AT_ONCE = 1000
PLACE_BYTES = 48  # of a deleted record, kept until the end: ts, id and line
PATIENCE_S = 60.0  # for one batch


class Importing:
    """One file. `told` is the outcome; `faults` are also told on standard error as they are found."""

    def __init__(self) -> None:
        self.faults = FaultList(lambda fault: note(str(fault)))
        self.told: dict[str, Any] = {"room": None, "peer": None, "joined": False, "new": 0, "known": 0}
        self.told["skipped"] = 0
        self._check = ExportCheck(signatures=False)  # the daemon checks those
        self._batch: list[tuple[int, bytes, int]] = []
        self._gone = bytearray()  # deletes come after what they delete, so these go last
        self._asked = False

    def run(self, lines: Iterable[bytes]) -> None:
        """Raises ApiError; CliError when there is nothing to import. What went before an error is in."""
        size = 0
        for checked in checked_lines(self._check, lines, self.faults):
            number = self._check.summary.lines
            if checked.gone is not None:
                ts_ms, record_id = checked.gone
                self._gone += ts_ms.to_bytes(8) + record_id + number.to_bytes(8)
            elif checked.raw is not None:
                size += len(checked.raw)
                if size > BATCH_BYTES or len(self._batch) == BATCH_RECORDS:
                    self._send_batch()
                    size = len(checked.raw)
                self._batch.append((number, checked.raw, checked.ts_ms))
            elif checked.faults and number > 1:
                self.told["skipped"] += 1
        self._send_batch()
        if self._check.vouched:
            self._send_gone()
        else:
            self._skip_gone()
        if not self._asked:
            self._finish_empty()

    def _send_batch(self) -> None:
        if not self._batch:
            return
        numbers = [number for number, _, _ in self._batch]
        records = [encode_base64(raw) for _, raw, _ in self._batch]
        answer = self._ask({"records": records, "seen_ms": [ts_ms for _, _, ts_ms in self._batch]})
        self._note(numbers, answer["skipped"])
        self._batch.clear()

    def _send_gone(self) -> None:
        for start in range(0, len(self._gone), GONE_AT_ONCE * PLACE_BYTES):
            numbers, places = [], []
            for at in range(start, min(len(self._gone), start + GONE_AT_ONCE * PLACE_BYTES), PLACE_BYTES):
                place = self._gone[at : at + PLACE_BYTES]
                places.append({"ts_ms": int.from_bytes(place[:8]), "id": place[8:40].hex()})
                numbers.append(int.from_bytes(place[40:]))
            answer = self._ask({"gone": places})
            self._note(numbers, answer["gone_skipped"])

    def _skip_gone(self) -> None:
        """Without a body to check there is only the exporter's word, and this file is not what they signed."""
        for at in range(0, len(self._gone), PLACE_BYTES):
            number = int.from_bytes(self._gone[at + PLACE_BYTES - 8 : at + PLACE_BYTES])
            self.told["skipped"] += 1
            self.faults.add(
                [Fault(number, "where a deleted record was counts only in a file without damage")]
            )

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        manifest = self._check.summary.manifest
        if manifest is not None:
            what["peers"] = [peer for peer in (manifest.by, manifest.peer) if peer is not None]
        what["topic"] = self._check.topic
        answer: dict[str, Any] = ask("POST", "/v1/import", what, timeout=PATIENCE_S)
        self._asked = True
        self.told |= {name: answer[name] for name in ("room", "peer", "joined")}
        self.told["new"] += answer["new"]
        self.told["known"] += answer["known"]
        return answer

    def _note(self, numbers: list[int], skipped: list[dict[str, Any]]) -> None:
        self.told["skipped"] += len(skipped)
        self.faults.add(Fault(numbers[one["index"]], one["reason"]) for one in skipped)

    def _finish_empty(self) -> None:
        """A file without records: its room is known now, if it names one."""
        if self._check.topic is None:
            raise CliError(
                "there is nothing to import in this file",
                hint="`p2pd export ROOM > FILE` makes one that has.",
            )
        self._ask({})
