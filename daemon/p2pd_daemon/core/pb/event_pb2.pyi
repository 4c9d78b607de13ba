from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChatEvent(_message.Message):
    __slots__ = ("ts_ms", "parents", "text", "action", "edit", "delete", "reaction", "file", "profile", "settings", "membership", "sealed")
    TS_MS_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    ts_ms: int
    parents: _containers.RepeatedScalarFieldContainer[bytes]
    text: Text
    action: Action
    edit: Edit
    delete: Delete
    reaction: Reaction
    file: File
    profile: Profile
    settings: RoomSettings
    membership: Membership
    sealed: Sealed
    def __init__(self, ts_ms: _Optional[int] = ..., parents: _Optional[_Iterable[bytes]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., action: _Optional[_Union[Action, _Mapping]] = ..., edit: _Optional[_Union[Edit, _Mapping]] = ..., delete: _Optional[_Union[Delete, _Mapping]] = ..., reaction: _Optional[_Union[Reaction, _Mapping]] = ..., file: _Optional[_Union[File, _Mapping]] = ..., profile: _Optional[_Union[Profile, _Mapping]] = ..., settings: _Optional[_Union[RoomSettings, _Mapping]] = ..., membership: _Optional[_Union[Membership, _Mapping]] = ..., sealed: _Optional[_Union[Sealed, _Mapping]] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("text", "reply_to")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    text: str
    reply_to: bytes
    def __init__(self, text: _Optional[str] = ..., reply_to: _Optional[bytes] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Edit(_message.Message):
    __slots__ = ("target", "text")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    text: str
    def __init__(self, target: _Optional[bytes] = ..., text: _Optional[str] = ...) -> None: ...

class Delete(_message.Message):
    __slots__ = ("target", "edits")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    edits: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, target: _Optional[bytes] = ..., edits: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Reaction(_message.Message):
    __slots__ = ("target", "symbol", "remove")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    symbol: str
    remove: bool
    def __init__(self, target: _Optional[bytes] = ..., symbol: _Optional[str] = ..., remove: bool = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("name", "media_type", "size", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    size: int
    sha256: bytes
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("nick", "status")
    NICK_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    nick: str
    status: str
    def __init__(self, nick: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class RoomSettings(_message.Message):
    __slots__ = ("title", "description")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    title: str
    description: str
    def __init__(self, title: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Membership(_message.Message):
    __slots__ = ("member", "change")
    class Change(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHANGE_UNSPECIFIED: _ClassVar[Membership.Change]
        INVITED: _ClassVar[Membership.Change]
        JOINED: _ClassVar[Membership.Change]
        LEFT: _ClassVar[Membership.Change]
        REMOVED: _ClassVar[Membership.Change]
    CHANGE_UNSPECIFIED: Membership.Change
    INVITED: Membership.Change
    JOINED: Membership.Change
    LEFT: Membership.Change
    REMOVED: Membership.Change
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    member: bytes
    change: Membership.Change
    def __init__(self, member: _Optional[bytes] = ..., change: _Optional[_Union[Membership.Change, str]] = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("nonce", "box", "epoch")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    box: bytes
    epoch: int
    def __init__(self, nonce: _Optional[bytes] = ..., box: _Optional[bytes] = ..., epoch: _Optional[int] = ...) -> None: ...
