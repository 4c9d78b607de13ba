"""What a client can ask about exports."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from p2pd_client.export_shapes import ExportLine, ExportManifest, ExportPage, Gone, Imported, Skipped

from p2pd_daemon.core.export import Manifest, line_fields, manifest_fields
from p2pd_daemon.core.peer_id import decode_peer_id
from p2pd_daemon.errors import BadPeerId, NoSuchPeer, NoSuchRoom
from p2pd_daemon.node.export import Cursor, Exporter, read_cursor
from p2pd_daemon.node.importing import Importer
from p2pd_daemon.node.parts import Parts
from p2pd_daemon.node.references import References
from p2pd_daemon.store.rows import RoomRow


class ExportControl:
    """A part of `NodeControl`."""

    _parts: Parts
    _references: References
    _exporter: Exporter
    _importer: Importer

    async def export(
        self,
        *,
        room: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        since_ms: int | None = None,
        after: str | None = None,
    ) -> ExportPage:
        row = await self._references.place(room=room, peer=peer, target=target)
        if row is None:
            raise NoSuchPeer("nothing was said with this peer", hint="See `p2pd contacts` and `p2pd rooms`.")
        manifest, cursor = await self._exporter.begin(row, since_ms, bytes.fromhex(after) if after else None)
        return await self._page(row, cursor, manifest)

    async def export_on(self, cursor: str) -> ExportPage:
        found = read_cursor(cursor)
        row = await self._parts.store.room_by_topic(found.topic)
        if row is None:
            raise NoSuchRoom(
                "the room of this cursor is not known here", hint="Begin with the first page again."
            )
        return await self._page(row, found, None)

    async def import_records(
        self,
        topic: str,
        records: Sequence[str],
        gone: Sequence[Gone],
        peers: Sequence[str],
        seen_ms: Sequence[int] = (),
    ) -> Imported:
        found = []
        for peer in peers:
            try:
                found.append(decode_peer_id(peer))
            except BadPeerId:  # of a damaged manifest; the records may tell
                continue
        places = [(place.ts_ms, bytes.fromhex(place.id)) for place in gone]
        outcome = await self._importer.take(topic, found, records, places, seen_ms)
        row = outcome.row
        return Imported(
            room=row.name or None,
            peer=row.peer,
            joined=row.joined,
            new=outcome.new,
            known=outcome.known,
            skipped=[Skipped(*one) for one in sorted(outcome.skipped.items())],
            gone_skipped=[Skipped(*one) for one in sorted(outcome.gone_skipped.items())],
        )

    async def _page(self, row: RoomRow, cursor: Cursor, manifest: Manifest | None) -> ExportPage:
        page = await self._exporter.page(row, cursor)
        return ExportPage(
            manifest=msgspec.convert(manifest_fields(manifest), ExportManifest) if manifest else None,
            lines=[msgspec.convert(line_fields(line), ExportLine) for line in page.lines],
            next=str(page.next) if page.next else None,
        )
