from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SyncHello(_message.Message):
    __slots__ = ("tag", "floor_ts", "count", "newest_ts", "now_ms")
    TAG_FIELD_NUMBER: _ClassVar[int]
    FLOOR_TS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NEWEST_TS_FIELD_NUMBER: _ClassVar[int]
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    tag: bytes
    floor_ts: int
    count: int
    newest_ts: int
    now_ms: int
    def __init__(self, tag: _Optional[bytes] = ..., floor_ts: _Optional[int] = ..., count: _Optional[int] = ..., newest_ts: _Optional[int] = ..., now_ms: _Optional[int] = ...) -> None: ...

class SyncRefusal(_message.Message):
    __slots__ = ("reason", "text")
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    reason: int
    text: str
    def __init__(self, reason: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class SyncPageRequest(_message.Message):
    __slots__ = ("before_ts", "before_id")
    BEFORE_TS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_ID_FIELD_NUMBER: _ClassVar[int]
    before_ts: int
    before_id: bytes
    def __init__(self, before_ts: _Optional[int] = ..., before_id: _Optional[bytes] = ...) -> None: ...

class SyncWant(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SyncGone(_message.Message):
    __slots__ = ("ts", "id")
    TS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ts: int
    id: bytes
    def __init__(self, ts: _Optional[int] = ..., id: _Optional[bytes] = ...) -> None: ...

class SyncRecords(_message.Message):
    __slots__ = ("raw", "gone", "more", "seen_ms")
    RAW_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    raw: _containers.RepeatedScalarFieldContainer[bytes]
    gone: _containers.RepeatedCompositeFieldContainer[SyncGone]
    more: bool
    seen_ms: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, raw: _Optional[_Iterable[bytes]] = ..., gone: _Optional[_Iterable[_Union[SyncGone, _Mapping]]] = ..., more: bool = ..., seen_ms: _Optional[_Iterable[int]] = ...) -> None: ...

class SyncFrame(_message.Message):
    __slots__ = ("hello", "refusal", "page", "reconcile", "want", "records", "caught_up", "done")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    RECONCILE_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    hello: SyncHello
    refusal: SyncRefusal
    page: SyncPageRequest
    reconcile: bytes
    want: SyncWant
    records: SyncRecords
    caught_up: bool
    done: bool
    def __init__(self, hello: _Optional[_Union[SyncHello, _Mapping]] = ..., refusal: _Optional[_Union[SyncRefusal, _Mapping]] = ..., page: _Optional[_Union[SyncPageRequest, _Mapping]] = ..., reconcile: _Optional[bytes] = ..., want: _Optional[_Union[SyncWant, _Mapping]] = ..., records: _Optional[_Union[SyncRecords, _Mapping]] = ..., caught_up: bool = ..., done: bool = ...) -> None: ...
