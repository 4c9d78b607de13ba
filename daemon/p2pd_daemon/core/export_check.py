"""Whether an export is true: lines in, faults out. Nothing but the lines is needed, and nothing is held but counts,
the ids of deleted records, and who wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from p2pd_daemon.core.bodies import Delete
from p2pd_daemon.core.event import Body, ChatEvent, Sealed
from p2pd_daemon.core.export import (
    VERSION_KEY,
    BadLine,
    Line,
    Manifest,
    PlacesHash,
    UnknownVersion,
    decode_object,
    opened_sha256,
    read_line,
    read_manifest,
    shown_of,
)
from p2pd_daemon.core.export_manifest import manifest_faults, open_box
from p2pd_daemon.core.keys import SigningKey
from p2pd_daemon.core.payload import read_payload
from p2pd_daemon.core.record import Record, decode_record, verify_record
from p2pd_daemon.core.room import DIRECT_PREFIX, Wire, room_of_topic
from p2pd_daemon.core.seal import DirectBox
from p2pd_daemon.errors import RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Fault:
    line: int  # the first line is 1
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One line. `raw`: it holds a record, with `ts_ms` beside it; `gone`: the place of one that was deleted."""

    faults: tuple[Fault, ...] = ()
    raw: bytes | None = None
    ts_ms: int = 0
    gone: tuple[int, bytes] | None = None


@dataclass(slots=True)
class Summary:
    """What was seen. `unopened` sealed records show texts that only a key of the conversation could confirm."""

    manifest: Manifest | None = None
    lines: int = 0
    records: int = 0
    gone: int = 0
    unopened: int = 0
    faults: int = 0
    first_ts_ms: int | None = None
    last_ts_ms: int | None = None
    authors: set[str] = field(default_factory=set)


class ExportCheck:
    """Takes a file's lines one by one, then `finish`. Every fault is given once, by one of the two.

    With `key`, of one of the two, it opens a direct conversation. Without `signatures` those of records are not
    checked, because somebody else will.
    """

    def __init__(self, *, signatures: bool = True, key: SigningKey | None = None) -> None:
        self.summary = Summary()
        self._signatures = signatures
        self._key = key
        self._box: DirectBox | None = None
        self.topic: str | None = None  # of a true manifest, or else of the first record
        self.vouched = (
            False  # at the end: all places, those of deleted records too, are what the exporter signed
        )
        self._above: tuple[int, bytes] | None = None
        self._places: PlacesHash | None = PlacesHash()
        self._entries = 0
        self._gone: dict[bytes, int] = {}
        self._deleted: set[bytes] = set()
        self._all_read = True  # no delete can have escaped us
        self._stopped = False
        self._signed = False  # the manifest is true

    def feed(self, line: bytes) -> Checked:
        """`line` with or without its end. Blank ones are nothing."""
        self.summary.lines += 1
        if self._stopped or not line.strip(b" \t\r\n"):
            return Checked()
        first = self.summary.manifest is None and not self._entries
        checked = self._first(line) if first else self._entry(line)
        self.summary.faults += len(checked.faults)
        return checked

    def finish(self) -> list[Fault]:
        """What can only be said at the end."""
        if self._stopped:
            return []
        faults = self._compare(self.summary.manifest) if self.summary.manifest else []
        self.vouched = self._signed and not faults and self._places is not None
        if not self.summary.lines:
            faults = [Fault(1, "the file is empty")]
        if self._all_read:
            faults += [
                Fault(number, "it is marked as deleted, but no record in this file deletes it")
                for record_id, number in self._gone.items()
                if record_id not in self._deleted
            ]
        self.summary.faults += len(faults)
        return faults

    # The manifest

    def _first(self, line: bytes) -> Checked:
        try:
            fields = decode_object(line)
            if VERSION_KEY not in fields and "id" in fields:
                return self._without_manifest(line)
            manifest = read_manifest(fields)
        except BadLine as error:
            self._stopped = isinstance(error, UnknownVersion)
            self._entries += not self._stopped  # so that the next line is not taken for the first
            self._places = None
            return self._say(f"this is no manifest: {error}" if not self._stopped else str(error))
        self.summary.manifest = manifest
        self._box = open_box(self._key, manifest)
        faults = manifest_faults(manifest)
        self._signed = not faults
        if self._signed:  # a damaged one shall not make every record one of another room
            self.topic = manifest.topic
        return self._say(*faults)

    def _without_manifest(self, line: bytes) -> Checked:
        missing = self._say("the manifest is missing: the beginning of the file is cut off")
        checked = self._entry(line)
        return replace(checked, faults=missing.faults + checked.faults)

    def _compare(self, manifest: Manifest) -> list[Fault]:
        """The manifest with what followed it."""
        summary = self.summary
        if self._entries < manifest.count:
            what = "it was cut off, or lines are missing"
            end = f"the file ends after {self._entries} of {manifest.count} records: {what}"
            return [Fault(summary.lines, end)]
        if self._entries > manifest.count:
            return [Fault(1, f"the manifest counts {manifest.count} records; the file has {self._entries}")]
        if self._places is None:  # some line could not be read, and was named
            return []
        faults = []
        if self._places.hexdigest() != manifest.records_sha256:
            faults.append("the records are not those that the manifest names, or in another order")
        if (manifest.first_ts_ms, manifest.last_ts_ms) != (summary.first_ts_ms, summary.last_ts_ms):
            faults.append("the manifest's first_ts_ms or last_ts_ms is not that of the records")
        return [Fault(1, what) for what in faults]

    # Records

    def _entry(self, line: bytes) -> Checked:
        self._entries += 1
        try:
            shown = _read_entry(line)
        except BadLine as error:
            self._places, self._all_read = None, False
            return self._say(str(error))
        if shown.raw is None:
            self._gone.setdefault(shown.id, self.summary.lines)
            self.summary.gone += 1
            faults = self._place(shown.ts_ms, shown.id, gone=True)
            return self._say(*faults, gone=(shown.ts_ms, shown.id))
        self.summary.records += 1
        return self._record(shown, shown.raw)

    def _record(self, shown: Line, raw: bytes) -> Checked:
        try:
            record = decode_record(raw, max_bytes=0)
            wire = _wire_of(record.topic)
            event = read_payload(record.data, wire, text_bytes=0)
        except RemoteProtocolError as error:
            self._all_read = False
            faults = self._place(shown.ts_ms, shown.id)
            return self._say(f"its signed bytes are damaged: {error.message}", *faults)
        if wire is not Wire.P2PD:  # it carries no time: that is when the exporter first saw it
            event = replace(event, ts_ms=shown.ts_ms)
        faults = self._record_faults(shown, record, event)
        proven = True
        if self._signatures or record.id != shown.id:
            try:
                verify_record(record)
            except RemoteProtocolError as error:
                proven = False
                if self._signatures:
                    faults.insert(0, error.message)
        place = (event.ts_ms, record.id) if proven else (shown.ts_ms, shown.id)
        self.summary.authors.add(record.author)
        return replace(self._say(*faults, *self._place(*place), raw=record.raw), ts_ms=shown.ts_ms)

    def _record_faults(self, shown: Line, record: Record, event: ChatEvent) -> list[str]:
        faults = []
        self.topic = self.topic or record.topic
        if record.topic != self.topic:
            faults.append(f"it is a record of another room ({record.topic})")
        if shown.id != record.id:
            faults.append("the id shown is not that of the signed bytes")
        if shown.ts_ms != event.ts_ms:
            faults.append(f"the ts_ms shown is not the one that was signed, {event.ts_ms}")
        if shown.author != record.author:
            faults.append(f"the author shown is not the one who signed, {record.author}")
        return faults + self._shown_faults(shown, record, event)

    def _shown_faults(self, shown: Line, record: Record, event: ChatEvent) -> list[str]:
        if not record.topic.startswith(DIRECT_PREFIX):
            stray = ["it has an opened_sha256, but is not sealed"] if shown.opened_sha256 is not None else []
            return stray + self._body_faults(shown, event.body)
        if not isinstance(event.body, Sealed):
            return ["it belongs to a direct conversation, but is not sealed"]
        faults = []
        if shown.opened_sha256 != opened_sha256(shown.id, shown.kind, shown.text):
            faults.append("the kind or text shown was changed: opened_sha256 is another")
        if self._box is None:
            self._all_read = False
            self.summary.unopened += 1
            return faults
        try:
            body = self._box.open(event.body, sender=record.author, seqno=record.seqno, ts_ms=event.ts_ms)
        except RemoteProtocolError as error:
            self._all_read = False
            return [*faults, error.message]
        return faults + self._body_faults(shown, body)

    def _body_faults(self, shown: Line, body: Body) -> list[str]:
        if isinstance(body, Delete):
            self._deleted.update((body.target, *body.edits))
        kind, text = shown_of(body)
        faults = []
        if shown.kind != kind:
            faults.append(f"the kind shown is not what was signed, {kind}")
        if shown.text != text:
            faults.append("the text shown is not what was signed")
        return faults

    def _place(self, ts_ms: int, record_id: bytes, *, gone: bool = False) -> list[str]:
        """Takes the next place into account; what is wrong with its order."""
        above, self._above = self._above, (ts_ms, record_id)
        if self._places is not None:
            self._places.add(ts_ms, record_id, gone=gone)
        summary = self.summary
        summary.first_ts_ms = ts_ms if summary.first_ts_ms is None else min(summary.first_ts_ms, ts_ms)
        summary.last_ts_ms = ts_ms if summary.last_ts_ms is None else max(summary.last_ts_ms, ts_ms)
        faults = []
        if above == self._above:
            faults.append("it is there twice")
        elif above is not None and above > self._above:
            faults.append("it is not in order: by (ts_ms, id) it belongs above the line before")
        since = summary.manifest.since_ms if summary.manifest else None
        if since is not None and ts_ms < since:
            faults.append("it is older than the manifest's since_ms")
        return faults

    def _say(self, *faults: str, raw: bytes | None = None, gone: tuple[int, bytes] | None = None) -> Checked:
        return Checked(tuple(Fault(self.summary.lines, what) for what in faults), raw, gone=gone)


def _read_entry(line: bytes) -> Line:
    fields = decode_object(line)
    if VERSION_KEY in fields:
        raise BadLine("a second manifest: each export is a file of its own")
    return read_line(fields)


def _wire_of(topic: str) -> Wire:
    found = room_of_topic(topic)
    return found[1] if found else Wire.P2PD
