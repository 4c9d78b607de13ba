from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StoreRequest(_message.Message):
    __slots__ = ("about", "deposit", "fetch", "drop")
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    about: bool
    deposit: StoreDeposit
    fetch: StoreFetch
    drop: StoreDrop
    def __init__(self, about: bool = ..., deposit: _Optional[_Union[StoreDeposit, _Mapping]] = ..., fetch: _Optional[_Union[StoreFetch, _Mapping]] = ..., drop: _Optional[_Union[StoreDrop, _Mapping]] = ...) -> None: ...

class StoreDeposit(_message.Message):
    __slots__ = ("mailbox", "raw")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    mailbox: bytes
    raw: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, mailbox: _Optional[bytes] = ..., raw: _Optional[_Iterable[bytes]] = ...) -> None: ...

class StoreFetch(_message.Message):
    __slots__ = ("after_ts", "after_id")
    AFTER_TS_FIELD_NUMBER: _ClassVar[int]
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    after_ts: int
    after_id: bytes
    def __init__(self, after_ts: _Optional[int] = ..., after_id: _Optional[bytes] = ...) -> None: ...

class StoreDrop(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class StoreResponse(_message.Message):
    __slots__ = ("about", "deposited", "mail", "dropped", "refusal")
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    DEPOSITED_FIELD_NUMBER: _ClassVar[int]
    MAIL_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    about: StoreAbout
    deposited: StoreDeposited
    mail: StoreMail
    dropped: bool
    refusal: str
    def __init__(self, about: _Optional[_Union[StoreAbout, _Mapping]] = ..., deposited: _Optional[_Union[StoreDeposited, _Mapping]] = ..., mail: _Optional[_Union[StoreMail, _Mapping]] = ..., dropped: bool = ..., refusal: _Optional[str] = ...) -> None: ...

class StoreAbout(_message.Message):
    __slots__ = ("room_bytes", "room_records", "peer_rooms", "peer_bytes", "mailbox_bytes", "sender_records", "days")
    ROOM_BYTES_FIELD_NUMBER: _ClassVar[int]
    ROOM_RECORDS_FIELD_NUMBER: _ClassVar[int]
    PEER_ROOMS_FIELD_NUMBER: _ClassVar[int]
    PEER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_BYTES_FIELD_NUMBER: _ClassVar[int]
    SENDER_RECORDS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    room_bytes: int
    room_records: int
    peer_rooms: int
    peer_bytes: int
    mailbox_bytes: int
    sender_records: int
    days: int
    def __init__(self, room_bytes: _Optional[int] = ..., room_records: _Optional[int] = ..., peer_rooms: _Optional[int] = ..., peer_bytes: _Optional[int] = ..., mailbox_bytes: _Optional[int] = ..., sender_records: _Optional[int] = ..., days: _Optional[int] = ...) -> None: ...

class StoreDeposited(_message.Message):
    __slots__ = ("status", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: _containers.RepeatedScalarFieldContainer[int]
    reason: str
    def __init__(self, status: _Optional[_Iterable[int]] = ..., reason: _Optional[str] = ...) -> None: ...

class StoreMail(_message.Message):
    __slots__ = ("raw", "more")
    RAW_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    raw: _containers.RepeatedScalarFieldContainer[bytes]
    more: bool
    def __init__(self, raw: _Optional[_Iterable[bytes]] = ..., more: bool = ...) -> None: ...
