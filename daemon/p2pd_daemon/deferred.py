"""Imports that cost only whoever uses them: a module's body runs when something first asks for a name in it.

`importlib.util.LazyLoader` has the same idea, but it runs a package's body as soon as one of its submodules is
imported, and any module's at `from module import name`. Those two cost us most, so here

- a package that is listed lends its path to its submodules without running its own body, and
- a listed name is given out as a `StandIn`, which looks up the real thing when it is called.

Everything else about a module is as it would be: what is not listed runs the body, and gets the real thing or the
usual ImportError.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, Union, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # which would cost more here than most of what is put off

# Of the names with underscores, these are a body's; the others are asked for by the import system itself.
BODY_NAMES = ("__all__", "__version__")

_loading = threading.RLock()


class StandIn:
    """A class or function of a module that has not run. Calls, base classes and isinstance() mean the real one."""

    def __init__(self, module: ModuleType, name: str, listed: Sequence[str]) -> None:
        self._module = module
        self._name = name
        self._methods = {other.rpartition(".")[2] for other in listed if other.startswith(f"{name}.")}
        self._listed = listed

    def _real(self) -> Any:
        found: Any = _run_body(self._module)
        for part in self._name.split("."):
            found = getattr(found, part)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in self._methods:
            return StandIn(self._module, f"{self._name}.{name}", self._listed)
        if name.startswith("__") and _is_deferred(self._module):  # typing looks whether it is one of its own
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        # While the body has not run, nothing can be an instance.
        return not _is_deferred(self._module) and isinstance(instance, self._real())

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[Any, ...]:
        return (self._real(),)

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007 - the operator is what is being defined

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007 - likewise

    def __repr__(self) -> str:
        return f"<{self._module.__name__}.{self._name}, not imported yet>"


class _Deferred(ModuleType):
    """A module whose body has not run. It becomes an ordinary module when it does."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        loader: object = spec.loader if spec is not None else None
        if isinstance(loader, _DeferredLoader):
            if name in loader.names:
                return StandIn(self, name, loader.names)
            if name in BODY_NAMES or not name.startswith("__"):
                return getattr(_run_body(self), name)
        with _loading:  # another thread may be running the body
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _DeferredLoader:
    def __init__(self, real: Loader, names: Sequence[str]) -> None:
        self.real = real
        self.names = names

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing yet; see `_run_body`."""


class _DeferredFinder:
    def __init__(self, modules: Mapping[str, Sequence[str]]) -> None:
        self.modules = dict(modules)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        names = self.modules.get(fullname)
        if names is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _DeferredLoader(spec.loader, names))
        return spec


def defer(modules: Mapping[str, Sequence[str]]) -> None:
    """From now on these are imported when they are used: module → the classes, functions and methods (`Class.method`)
    that others take from it with `from`. What has been imported already stays as it is.
    """
    sys.meta_path.insert(0, _DeferredFinder(modules))


def deferred_modules() -> list[str]:
    """Those that somebody imported, and nobody has used yet."""
    return sorted(name for name, module in list(sys.modules.items()) if _is_deferred(module))


def run_deferred() -> None:
    """Run the bodies of all that were put off."""
    while waiting := deferred_modules():
        for name in waiting:
            _run_body(sys.modules[name])


def _is_deferred(module: ModuleType) -> bool:
    return type(module) is _Deferred


def _run_body(module: ModuleType) -> ModuleType:
    """Raises whatever the body raises; then the module is tried anew at the next use."""
    with _loading:
        spec = module.__spec__
        deferring: object = spec.loader if spec is not None else None
        if spec is not None and isinstance(deferring, _DeferredLoader):
            spec.loader = module.__loader__ = deferring.real
            try:
                deferring.real.exec_module(module)
            except BaseException:
                spec.loader = module.__loader__ = cast("Loader", deferring)
                raise
            module.__class__ = ModuleType
    return module
